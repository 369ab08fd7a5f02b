package discovery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
)

func TestMerge(t *testing.T) {
	t.Parallel()
	labelled := func(id, title string) prefetch.Task {
		return prefetch.Task{Account: "a", ID: id, Labels: map[string]string{"title": title}}
	}
	merged, left := discovery.Merge([]string{"a", "empty"},
		from("config", labelled("2", "configured")),
		from("file", labelled("3", "same"), labelled("2", "filed"), task("gone", "1")),
		from("http", task("a", "1"), labelled("3", "same"), task("gone", "1"), task("gone", "2")),
		from("api", labelled("2", "put"), labelled("1", "put"), task("other", "1")),
	)
	wantMerged := map[string][]prefetch.Task{
		"a": {
			{Account: "a", ID: "1", Source: "http"},
			{Account: "a", ID: "2", Source: "config", Labels: map[string]string{"title": "configured"}},
			{Account: "a", ID: "3", Source: "file", Labels: map[string]string{"title": "same"}},
		},
		"empty": nil,
	}
	if diff := cmp.Diff(wantMerged, merged); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	wantLeft := discovery.Leftover{
		UnknownAccounts: map[string]int{"gone": 2, "other": 1},
		Conflicts: []discovery.Conflict{
			{Account: "a", ID: "1", Kept: "http", Dropped: "api"},
			{Account: "a", ID: "2", Kept: "config", Dropped: "file"},
			{Account: "a", ID: "2", Kept: "config", Dropped: "api"},
		},
	}
	if diff := cmp.Diff(wantLeft, left); diff != "" {
		t.Errorf("leftover (-want +got):\n%s", diff)
	}
}

func TestMergeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		accounts := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID[string]).Draw(t, "accounts")
		listings := make([][]prefetch.Task, rapid.IntRange(0, 4).Draw(t, "listings"))
		for i := range listings {
			names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-d]/[1-5]`), rapid.ID[string]).Draw(t, "names")
			for _, name := range names {
				account, id, _ := strings.Cut(name, "/")
				listings[i] = append(listings[i], prefetch.Task{
					Account: account, ID: id, Source: fmt.Sprint(i),
					Labels: map[string]string{"x": rapid.SampledFrom([]string{"1", "2"}).Draw(t, "label")},
				})
			}
		}
		merged, left := discovery.Merge(accounts, listings...)

		// Nothing is lost, nothing is invented, and the first listing wins.
		first := make(map[string]prefetch.Task)
		unknown := make(map[string]int)
		conflicts := 0
		for _, listing := range listings {
			for _, task := range listing {
				winner, listed := first[task.Account+"/"+task.ID]
				switch known := slices.Contains(accounts, task.Account); {
				case !listed:
					first[task.Account+"/"+task.ID] = task
					if !known {
						unknown[task.Account]++
					}
				case known && winner.Labels["x"] != task.Labels["x"]:
					conflicts++
				}
			}
		}
		got := 0
		for account, tasks := range merged {
			if !slices.IsSortedFunc(tasks, func(a, b prefetch.Task) int { return strings.Compare(a.ID, b.ID) }) {
				t.Fatalf("account %s is not sorted: %v", account, tasks)
			}
			for _, task := range tasks {
				if diff := cmp.Diff(first[account+"/"+task.ID], task); diff != "" {
					t.Fatalf("not the first entry (-want +got):\n%s", diff)
				}
			}
			got += len(tasks)
		}
		for _, n := range left.UnknownAccounts {
			got += n
		}
		if got != len(first) || len(merged) != len(accounts) || len(left.Conflicts) != conflicts {
			t.Fatalf("%d tasks in %d accounts, %d conflicts; want %d, %d, %d",
				got, len(merged), len(left.Conflicts), len(first), len(accounts), conflicts)
		}
		if diff := cmp.Diff(unknown, left.UnknownAccounts); diff != "" {
			t.Fatalf("unknown accounts (-want +got):\n%s", diff)
		}

		// The order inside a listing does not matter.
		for i := range listings {
			listings[i] = rapid.Permutation(listings[i]).Draw(t, "permutation")
		}
		again, leftAgain := discovery.Merge(rapid.Permutation(accounts).Draw(t, "accounts"), listings...)
		if diff := cmp.Diff(merged, again); diff != "" {
			t.Fatalf("another order in the listings (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(left, leftAgain); diff != "" {
			t.Fatalf("leftover of another order (-before +after):\n%s", diff)
		}
	})
}
