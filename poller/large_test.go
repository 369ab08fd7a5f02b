package poller_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// A record that is too large for the store is the affair of its task alone: it is
// counted and logged, and a task that settled beside it is not asked for again.
func TestTooLargeToBeStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		vendor, mood := moody()
		// Quotation marks have two bytes in JSON.
		long := strings.Repeat(`"`, vendorapi.MaxText)
		mood.set("large", func() (vendorapi.Answer, error) {
			rows := make([]prefetch.URL, store.MaxValue/(2*vendorapi.MaxText)+1)
			for i := range rows {
				rows[i] = prefetch.URL{URL: long, Status: prefetch.Running}
			}
			return vendorapi.Answer{URLs: rows, Count: len(rows)}, nil
		})
		mood.set("small", urls(prefetch.Succeeded))
		mood.set("later", urls(prefetch.Running))
		tasks := []prefetch.Task{configured(huaweiAccount, "large"), configured(huaweiAccount, "small"), configured(huaweiAccount, "later")}
		refused, log := 0, &logs{}
		db, err := store.Open(store.Options{Path: t.TempDir(), OnError: func(reason string) {
			if reason == store.ReasonWrite {
				refused++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		run := func(check func(p *poller.Poller)) {
			p := poller.New(poller.Options{
				Store: db, Recorder: newRecorder(), Clock: clock.Wall(time.Now), Logger: log.logger(),
				Random: func() float64 { return 0.5 },
			})
			if err := p.Configure([]poller.Account{quick(vendor)}); err != nil {
				t.Fatal(err)
			}
			p.List(map[string][]prefetch.Task{huaweiAccount.Name: tasks})
			ctx, cancel := contextWithCancel(t)
			done := make(chan error)
			go func() { done <- p.Run(ctx) }()
			wait(5 * second)
			check(p)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		phases := func(p *poller.Poller) string {
			var s []string
			for _, task := range p.Snapshot().Accounts[0].Tasks {
				s = append(s, fmt.Sprint(task.ID, " ", task.Phase))
			}
			return strings.Join(s, ", ")
		}
		run(func(p *poller.Poller) {
			if got := phases(p); got != "large active, later active, small settled" {
				t.Errorf("tasks are %s", got)
			}
		})
		if told := log.lines("a task cannot be stored"); refused != 1 || len(told) != 1 || !strings.Contains(told[0], "task=large") {
			t.Errorf("%d errors, %q", refused, told)
		}
		small, later := mood.count("small"), mood.count("later")
		run(func(p *poller.Poller) {
			if got := phases(p); got != "large active, later active, small settled" {
				t.Errorf("after a restart tasks are %s", got)
			}
		})
		if mood.count("small") != small || mood.count("later") != later {
			t.Errorf("asked again after a restart: %d and %d times", mood.count("small"), mood.count("later"))
		}
	})
}

// Pages that together hold more than any task can have are not kept. Each page is
// within the bounds of an answer.
func TestPagesWithTooManyBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := pagedStub()
		v.caps.PageSize = 3000
		long := strings.Repeat("u", vendorapi.MaxText)
		v.answer = func(_ int, q vendorapi.Query) (vendorapi.Answer, error) {
			ans := vendorapi.Answer{Count: 30_000, Page: q.Page, PageSize: q.PageSize, URLs: make([]prefetch.URL, q.PageSize)}
			for i := range ans.URLs {
				ans.URLs[i].URL = long
			}
			return ans, nil
		}
		r := start(t, newMemory(), []poller.Account{quick(v)}, configured(huaweiAccount, "a"))
		wait(time.Hour)
		got := r.task(t, huaweiAccount, "a")
		if got.Answered || got.Up || got.LastError == nil || !strings.Contains(got.LastError.Message, "more than any task can have") {
			t.Errorf("%v, up %v: %v", got.Phase, got.Up, got.LastError)
		}
		for _, q := range v.asked() {
			if q.Page > 2 {
				t.Fatalf("page %d was asked for", q.Page)
			}
		}
	})
}
