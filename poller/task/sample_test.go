package task_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/poller/task"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// A task that settles keeps a few of the URLs that succeeded, over a restart too,
// until its time is over.
func TestSample(t *testing.T) {
	t.Parallel()
	a := fresh()
	apply(t, a, whole(append(rows(prefetch.Succeeded, 30), prefetch.URL{URL: "x", Status: prefetch.Running})), at(0))
	if a.Sample != nil {
		t.Errorf("an unsettled task keeps %q", a.Sample)
	}
	all := append(rows(prefetch.Succeeded, 30), prefetch.URL{URL: "https://example.com/failed", Status: prefetch.Failed})
	apply(t, a, whole(all), at(time.Minute))
	if len(a.Sample) != prefetch.MostSampled || slices.ContainsFunc(a.Sample, func(u string) bool { return strings.HasSuffix(u, "failed") }) {
		t.Errorf("keeps %q", a.Sample)
	}
	value, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := task.Decode("a", value)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Sample, again.Published(prefetch.Account{}).Sample); diff != "" {
		t.Errorf("after a restart (-before +after):\n%s", diff)
	}
	if again.End(time.Hour); len(again.Sample) == 0 {
		t.Error("it is thrown away while a clock may yet be put back")
	}
	if again.End(0); again.Sample != nil {
		t.Error("one that makes room keeps its sample")
	}
}

// Where no row of a URL that succeeded was read, the submitted ones tell, if what
// failed is known.
func TestSampleOfUnreadRows(t *testing.T) {
	t.Parallel()
	submitted := make([]string, 4)
	for i := range submitted {
		submitted[i] = fmt.Sprint("https://example.com/", i)
	}
	for name, c := range map[string]struct {
		submitted []string
		says      prefetch.Counts
		want      int
	}{
		"all succeeded":     {submitted, prefetch.Counts{prefetch.Succeeded: 4}, 4},
		"nobody said which": {nil, prefetch.Counts{prefetch.Succeeded: 4}, 0},
		"more than that":    {submitted, prefetch.Counts{prefetch.Succeeded: 5}, 0},
	} {
		a, m := fresh(c.submitted...), at(0)
		m.Gradual = false
		a.Summarize(vendorapi.TaskSummary{Counts: c.says, Done: true}, m)
		if a.Phase != prefetch.Settled || len(a.Sample) != c.want {
			t.Errorf("%s: %v, %q", name, a.Phase, a.Sample)
		}
	}

	// A list that says once more that it is settled knows no URL.
	a := fresh()
	apply(t, a, whole(rows(prefetch.Succeeded, 2)), at(time.Minute))
	m := at(time.Hour)
	m.Gradual = false
	a.Summarize(vendorapi.TaskSummary{Counts: prefetch.Counts{prefetch.Succeeded: 2}, Done: true}, m)
	if a.Phase != prefetch.Settled || len(a.Sample) != 2 {
		t.Errorf("told again: %v, %q", a.Phase, a.Sample)
	}
}
