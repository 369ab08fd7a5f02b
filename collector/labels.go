package collector

import (
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"prefetch_exporter/prefetch"
)

// validText returns s as a label value that every exposition format accepts:
// bytes that are no UTF-8 become U+FFFD.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// validAccount returns the account with both names fit for labels.
func validAccount(a prefetch.Account) prefetch.Account {
	return prefetch.Account{Provider: validText(a.Provider), Name: validText(a.Name)}
}

// pair returns one label. Pairs are shared between series and never changed.
func pair(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: &value}
}

// accountPairs returns the labels of an account, whose names are valid.
func accountPairs(a prefetch.Account) []*dto.LabelPair {
	return []*dto.LabelPair{pair(labelAccount, a.Name), pair(labelProvider, a.Provider)}
}

// withConfigured returns the labels of a task, which are ordered by name, with
// the configured ones of the given names. A task has no empty labels for those
// that only other tasks have: the cost of its labels must not grow with the
// number of tasks.
func withConfigured(labels []*dto.LabelPair, names []string, configured map[string]string) []*dto.LabelPair {
	for _, name := range names {
		labels = withLabel(labels, pair(name, validText(configured[name])))
	}
	return labels
}

// withLabel returns base, which is ordered by name, with one more label in its
// place, or base if there is none. It leaves base as it is.
func withLabel(base []*dto.LabelPair, added *dto.LabelPair) []*dto.LabelPair {
	if added == nil {
		return base
	}
	return appendWithLabel(make([]*dto.LabelPair, 0, len(base)+1), base, added)
}

// appendWithLabel appends to labels what withLabel returns.
func appendWithLabel(labels, base []*dto.LabelPair, added *dto.LabelPair) []*dto.LabelPair {
	if added == nil {
		return append(labels, base...)
	}
	i := 0
	for i < len(base) && base[i].GetName() < added.GetName() {
		i++
	}
	labels = append(labels, base[:i]...)
	labels = append(labels, added)
	return append(labels, base[i:]...)
}

// usableNames returns the names of the configured labels that may stand beside
// ours on prefetch_task_info, in order. The configuration refuses all others,
// but discovery brings labels too, and one bad name would cost the whole scrape
// at the Prometheus server.
func usableNames(configured map[string]string) []string {
	names := slices.Sorted(maps.Keys(configured))
	return slices.DeleteFunc(names, func(name string) bool {
		switch name {
		case labelProvider, labelAccount, labelTask, labelStatus:
			return true
		default:
			return strings.HasPrefix(name, model.ReservedLabelPrefix) ||
				!model.LegacyValidation.IsValidLabelName(name)
		}
	})
}
