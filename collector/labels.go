package collector

import (
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

// withLabel appends to labels those in base, which are ordered by name, and one
// more in its place if it is not nil. It leaves base as it is.
func withLabel(labels, base []*dto.LabelPair, added *dto.LabelPair) []*dto.LabelPair {
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

// withConfigured returns the labels of a task, which are ordered by name, with
// those of the configured ones that are usable. A task has no empty labels for those
// that only other tasks have: the cost of its labels must not grow with the number
// of tasks.
func withConfigured(labels []*dto.LabelPair, configured map[string]string) []*dto.LabelPair {
	for name, value := range configured {
		if usable(name) {
			labels = withLabel(nil, labels, pair(name, validText(value)))
		}
	}
	return labels
}

// usable reports whether a configured label may stand beside ours. The rules of a
// task refuse all others wherever it is listed; this is for what was stored under
// other rules, since one bad name would cost the whole scrape at the Prometheus
// server.
func usable(name string) bool {
	switch name {
	case "provider", "account", "task", "status":
		return false
	default:
		return !strings.HasPrefix(name, model.ReservedLabelPrefix) && model.LegacyValidation.IsValidLabelName(name)
	}
}
