package clock_test

import (
	"testing"

	"prefetch_exporter/poller/clock"
)

// Two clocks are one only with the same boot and the same time namespace.
func TestBoot(t *testing.T) {
	t.Parallel()
	const host = "monotonic           0         0\nboottime            0         0\n"
	for name, test := range map[string]struct{ id, offsets, want string }{
		"the machine's":      {"b00t\n", host, "b00t"},
		"an old kernel":      {"b00t\n", "", "b00t"},
		"a time namespace":   {"b00t\n", "monotonic 0 0\nboottime 86400 0\n", "b00t+86400.0"},
		"off by less":        {"b00t\n", "monotonic 5 0\nboottime 0 -3\n", "b00t+0.-3"},
		"no boot is no boot": {"\n", "monotonic 0 0\nboottime 86400 0\n", ""},
	} {
		if got := clock.BootOf(test.id, test.offsets); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if s := clock.System()(); s.Boot == "" || s.Up <= 0 {
		t.Errorf("this machine: %+v", s)
	}
}
