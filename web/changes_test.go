package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/prefetch"
)

// slowRegistry is a registry whose store a test lets hang.
type slowRegistry struct {
	*exporter

	begun atomic.Int64
	thaws chan struct{}
}

func (r *slowRegistry) Put(task prefetch.Task) (bool, error) {
	r.begun.Add(1)
	<-r.thaws
	return r.exporter.Put(task)
}

func (r *slowRegistry) Delete(account, id string) (bool, error) {
	r.begun.Add(1)
	<-r.thaws
	return r.exporter.Delete(account, id)
}

// Of changes that do not become durable a hundred wait, for ten seconds; all others
// are refused at once, until one of those is through. Reading goes on.
func TestChangesThatHang(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &slowRegistry{exporter: newExporter(), thaws: make(chan struct{})}
				o := r.options()
				o.Registry = r
				h := handler(t, o)
				var clients sync.WaitGroup
				var waited, refused atomic.Int64
				change := func(id string) {
					began := time.Now()
					w := ask(t, h, method+" /api/v1/tasks/edge/"+id, "")
					if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "try again") {
						t.Errorf("%s %s: %d %s", method, id, w.Code, w.Body)
					}
					switch took := time.Since(began); took {
					case 0:
						refused.Add(1)
					case 10 * time.Second:
						waited.Add(1)
					default:
						t.Errorf("%s %s took %v", method, id, took)
					}
				}
				for i := range 150 {
					clients.Go(func() { change(fmt.Sprintf("task-%d", i)) })
				}
				clients.Wait()
				if waited.Load() != 100 || refused.Load() != 50 || r.begun.Load() != 100 {
					t.Errorf("%d waited, %d were refused, %d were begun", waited.Load(), refused.Load(), r.begun.Load())
				}
				change("one-more")
				if r.begun.Load() != 100 {
					t.Error("one more was begun")
				}
				if w := ask(t, h, "GET /api/v1/tasks", ""); w.Code != http.StatusOK {
					t.Errorf("reading: %d", w.Code)
				}
				close(r.thaws)
				synctest.Wait()
				if w := ask(t, h, "PUT /api/v1/tasks/edge/again", ""); w.Code != http.StatusCreated {
					t.Errorf("when the store goes on: %d %s", w.Code, w.Body)
				}
			})
		})
	}
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wrong []string
		code  int
		says  string
	}{
		{code: http.StatusOK, says: "Healthy\n"},
		{[]string{"the loop hangs", "the disk hangs"}, http.StatusServiceUnavailable, "Not healthy: the loop hangs; the disk hangs\n"},
	} {
		o := newExporter().options()
		o.Unwell = func() []string { return c.wrong }
		if w := ask(t, handler(t, o), "GET /-/healthy", ""); w.Code != c.code || w.Body.String() != c.says {
			t.Errorf("with %q: %d %q", c.wrong, w.Code, w.Body)
		}
	}
}
