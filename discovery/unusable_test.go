package discovery_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"

	"prefetch_exporter/discovery"
)

// unusableLists are lists that a program writes which was changed by mistake.
func unusableLists() map[string]string {
	return map[string]string{
		"another key": `[{"account": "a", "task": "1"}, {"account": "a", "task": "2"}]`,
		"no mapping":  `["1", "2"]`,
		"groups":      `[{"targets": ["1", "2"], "labels": {"team": "video"}}]`,
		"null":        "[null, null]",
	}
}

// Of a list without any usable entry the former tasks stay, as of a broken one: it
// is not the wish to watch nothing.
func TestUnusableListOverHTTP(t *testing.T) {
	t.Parallel()
	for name, document := range unusableLists() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				// From the start: what was listed before a restart may still be.
				p := poll(t, response(http.StatusOK, document, "ETag", `"v1"`))
				run(t, p.manager)
				synctest.Wait()
				if p.reports.up(tasksAs) || !p.Complete() || p.Known("http") || p.reports.rejections()["invalid"] != 2 {
					t.Errorf("up %v, complete %v, known %v, rejected %v",
						p.reports.up(tasksAs), p.Complete(), p.Known("http"), p.reports.rejections())
				}
				p.server.set(response(http.StatusOK, list("a/1", "a/2")))
				pass(1)
				if p.server.last().Header.Get("If-None-Match") != "" || p.reports.rejections()["invalid"] != 0 {
					t.Errorf("asked with %v, rejected %v", p.server.last().Header, p.reports.rejections())
				}
				p.server.set(response(http.StatusOK, document))
				pass(3)
				wantIDs(t, p.manager, "a/1 http", "a/2 http")
				if p.reports.up(tasksAs) || p.reports.rejections()["invalid"] != 2 || p.logs.count(tasksAs+": none of its entries can be used") != 2 {
					t.Errorf("up %v, rejected %v, logged:\n%s", p.reports.up(tasksAs), p.reports.rejections(), p.logs)
				}
				// One that can be used, or the wish for none, counts.
				p.server.set(response(http.StatusOK, `[{"account": "a", "id": "3"}, 7]`))
				pass(1)
				wantIDs(t, p.manager, "a/3 http")
				p.server.set(response(http.StatusOK, "[]"))
				pass(1)
				wantIDs(t, p.manager)
				if !p.reports.up(tasksAs) || p.reports.rejections()["invalid"] != 0 {
					t.Errorf("up %v, rejected %v", p.reports.up(tasksAs), p.reports.rejections())
				}
			})
		})
	}
}

func TestUnusableListInAFile(t *testing.T) {
	t.Parallel()
	for name, document := range unusableLists() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tasks.yml")
			write(t, path, list("a/1", "a/2"))
			w := watch(t, slow, path)
			run(t, w.manager)
			awaitIDs(t, w.manager, "a/1 file", "a/2 file")
			write(t, path, document)
			await(t, w.manager, "the file is down", func() bool { return !w.reports.up("files") })
			wantIDs(t, w.manager, "a/1 file", "a/2 file")
			if got := w.reports.rejections()[discovery.RejectedInvalid]; got != 2 {
				t.Errorf("%d are rejected", got)
			}
			write(t, path, list("a/2"))
			awaitIDs(t, w.manager, "a/2 file")
			if !w.reports.up("files") || w.reports.rejections()[discovery.RejectedInvalid] != 0 {
				t.Errorf("up %v, rejected %v", w.reports.up("files"), w.reports.rejections())
			}
		})
	}
}
