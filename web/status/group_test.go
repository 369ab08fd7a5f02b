package status_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/status"
)

// TestGroup looks at a replica among others: which they are, how its store is, and who
// asks for what.
func TestGroup(t *testing.T) {
	t.Parallel()
	since := fixed.Add(-18 * time.Minute)
	for name, c := range map[string]struct {
		group prefetch.Group
		owned bool
		want  string
		owner string // of account edge
	}{
		"up": {
			prefetch.Group{Replica: "a", Replicas: 3, Loaded: true, Up: true, Since: since}, true,
			"Replica a, one of 3; its store has answered since 2026-11-21 09:12:00 UTC.", "a (this replica) since 2026-11-21 09:00:00 UTC",
		},
		"cut off": {
			prefetch.Group{Replica: "a", Replicas: 3, Loaded: true, Since: since}, false,
			"Replica a, one of 3, has been cut off from its store since 2026-11-21 09:12:00 UTC: it asks nothing",
			"a (this replica) since 2026-11-21 09:00:00 UTC its lease is over",
		},
		"not read": {
			prefetch.Group{Replica: "a", Replicas: 1, Since: since}, false,
			"Replica a has not read its store yet, which has not answered since 2026-11-21 09:12:00 UTC: it asks nothing", "",
		},
		"being read": {
			prefetch.Group{Replica: "a", Replicas: 1, Up: true, Since: since}, false,
			"Replica a has not read its store yet: it asks nothing", "",
		},
		"another": {
			prefetch.Group{Replica: "b", Replicas: 2, Loaded: true, Up: true, Since: since}, false,
			"Replica b, one of 2;", "a since 2026-11-21 09:00:00 UTC",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site()
			s.Accounts[0].Owner, s.Accounts[0].OwnedSince, s.Accounts[0].Owned = "a", fixed.Add(-30*time.Minute), c.owned
			s.Accounts[1].Differs = true
			p, err := status.New(status.Options{
				Snapshot: func() prefetch.Snapshot { return s }, Now: func() time.Time { return fixed }, Group: func() prefetch.Group { return c.group },
			})
			if err != nil {
				t.Fatal(err)
			}
			page := body(t, routes(p), "/tasks")
			if got := read(page); !strings.Contains(got, c.want) {
				t.Errorf("no %q in\n%s", c.want, got)
			}
			owners := ownersOf(page)
			want := []string{c.owner, "nobody configured differently by another replica"}
			if c.owner != "" && !slices.Equal(owners, want) {
				t.Errorf("owners are %q, want %q", owners, want)
			}
		})
	}
	if page := body(t, pages(t, site()), "/tasks"); len(ownersOf(page)) > 0 || strings.Contains(page, "Replica") {
		t.Errorf("without a group:\n%s", page)
	}
	s := site()
	s.Accounts[0].Owner, s.Accounts[0].OwnedSince = "b", since
	p, err := status.New(status.Options{
		Snapshot: func() prefetch.Snapshot { return s }, Now: func() time.Time { return fixed },
		Group: func() prefetch.Group { return prefetch.Group{Replica: "a", Replicas: 2, Loaded: true, Since: since} },
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tasks_group.html", body(t, routes(p), "/tasks"))
}

var (
	anyTag    = regexp.MustCompile(`<[^>]*>`)
	blanks    = regexp.MustCompile(`\s+`)
	ownerCell = regexp.MustCompile(`(?s)<td role="cell" data-label="Owner">(.*?)</td>`)
)

// read is what a reader sees of HTML.
func read(page string) string {
	page = strings.ReplaceAll(strings.ReplaceAll(page, "<br>", " "), "</span><span", "</span> <span")
	return strings.TrimSpace(blanks.ReplaceAllString(anyTag.ReplaceAllString(page, ""), " "))
}

func ownersOf(page string) []string {
	var owners []string
	for _, cell := range ownerCell.FindAllStringSubmatch(page, -1) {
		owners = append(owners, read(cell[1]))
	}
	return owners
}
