package discovery_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/common/config"

	"prefetch_exporter/discovery"
	"prefetch_exporter/prefetch"
)

// everywhere lists the same task in all four sources.
func everywhere(t *testing.T) (*manager, *submitted, *server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.yml")
	write(t, path, list("a/1"))
	r := new(submitted)
	r.put(task("a", "1"))
	s := &server{answer: response(http.StatusOK, list("a/1"))}
	m := newManager(t, options{Files: []string{path}, HTTP: []discovery.HTTPSource{s.source(tasksURL)}, Submitted: r})
	m.Set(from("config", task("a", "1")), []string{"a"})
	return m, r, s, path
}

func TestTheSameTaskInAllSourcesIsOne(t *testing.T) {
	t.Parallel()
	m, r, _, path := everywhere(t)
	stop := run(t, m)
	await(t, m, "all sources", func() bool { return len(m.Sources("a", "1")) == 4 })
	if diff := cmp.Diff([]string{"config", "file", "http", "api"}, m.Sources("a", "1")); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	// Each source takes over when the one before lets go.
	wantIDs(t, m, "a/1 config")
	m.Set(nil, []string{"a"})
	wantIDs(t, m, "a/1 file")
	write(t, path, "[]")
	awaitIDs(t, m, "a/1 http")
	stop()
	if err := m.Reload(discovery.Update{Accounts: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, m, "a/1 api")
	r.remove("a", "1")
	wantIDs(t, m)
	if sources := m.Sources("a", "1"); len(sources) > 0 {
		t.Errorf("sources of a task that is gone: %v", sources)
	}
}

func TestRegistryShowsAtOnce(t *testing.T) {
	t.Parallel()
	r := new(submitted)
	m := newManager(t, options{Submitted: r})
	m.Set(nil, []string{"a"})
	drain(m)
	r.put(task("a", "1"))
	if got, alone := m.Submitted("a", "1"); !alone || got == nil || got.ID != "1" {
		t.Errorf("put: %v, %v", got, alone)
	}
	wantIDs(t, m, "a/1 api")
	r.remove("a", "1")
	if got, alone := m.Submitted("a", "1"); !alone || got != nil {
		t.Errorf("deleted: %v, %v", got, alone)
	}
	wantIDs(t, m)
	m.Set(from("config", task("a", "2")), []string{"a"})
	drain(m)
	for account, id := range map[string]string{"a": "2", "b": "1"} {
		r.put(task(account, id))
		if _, alone := m.Submitted(account, id); alone {
			t.Errorf("%s/%s is decided by the registry alone", account, id)
		}
	}
	wantIDs(t, m, "a/2 config")
	// Who changed them knows; all others would list everything anew for each.
	select {
	case <-m.Changes():
		t.Error("a change was signalled")
	default:
	}
}

// What is kept and cannot be read is told of, and counts until it is put anew.
func TestUnreadableTasks(t *testing.T) {
	t.Parallel()
	r := &submitted{unreadable: []error{errors.New("this one"), errors.New("that one")}}
	written, reports := new(logs), newReports()
	m := newManager(t, options{Submitted: r, Logger: written.logger(), Reporter: reports})
	m.Set(nil, []string{"a"})
	if got := reports.rejections()["invalid"]; got != 2 || written.count("cannot be read and is not watched") != 2 {
		t.Errorf("%d are reported invalid, and the log is\n%s", got, written)
	}
	r.unreadable = r.unreadable[1:]
	r.put(task("a", "1"))
	wantIDs(t, m, "a/1 api")
	if got := reports.rejections()["invalid"]; got != 1 {
		t.Errorf("%d are reported invalid afterwards", got)
	}
}

func TestUnknownAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := new(submitted)
		r.put(task("later", "1"))
		r.put(task("later", "2"))
		r.put(task("never", "1"))
		written, reports := new(logs), newReports()
		m := newManager(t, options{Submitted: r, Logger: written.logger(), Reporter: reports})
		want := func(unknown int, ids ...string) {
			t.Helper()
			synctest.Wait()
			// The report does not wait for somebody to ask for the tasks.
			if got := reports.rejections()["unknown_account"]; got != unknown {
				t.Errorf("%d tasks are of unknown accounts, want %d", got, unknown)
			}
			wantIDs(t, m, ids...)
		}
		run(t, m)
		want(0)
		if len(m.Merged()) != 0 || m.Complete() || written.count("WARN") > 0 {
			t.Error("accounts are judged before they are known")
		}
		m.Set(nil, []string{"a"})
		want(3)
		r.put(task("later", "3"))
		m.Merged() // as whoever puts it does
		want(4)
		m.Set(nil, []string{"a", "later"})
		want(1, "later/1 api", "later/2 api", "later/3 api")
		if got := written.count("account=later"); got != 1 || written.count("account=never") != 1 {
			t.Errorf("logged %d times:\n%s", got, written)
		}
		// Removed, the account's tasks stay and return with it.
		m.Set(nil, []string{"a"})
		want(4)
		m.Set(nil, []string{"later"})
		want(1, "later/1 api", "later/2 api", "later/3 api")
		if got := written.count("account=later"); got != 2 || written.count("account=never") != 1 {
			t.Errorf("logged %d times:\n%s", got, written)
		}
	})
}

func TestManyUnknownAccountsAreLoggedBriefly(t *testing.T) {
	t.Parallel()
	r := new(submitted)
	for i := range 30 {
		r.put(task(string(rune('A'+i)), "1"))
	}
	written := new(logs)
	m := newManager(t, options{Submitted: r, Logger: written.logger()})
	m.Set(nil, nil)
	if got := written.count("level=WARN"); got != 11 || written.count("accounts=20") != 1 {
		t.Errorf("%d lines:\n%s", got, written)
	}
}

func TestConflictsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	r := new(submitted)
	for _, id := range []string{"1", "2", "same"} {
		r.put(task("a", id))
	}
	written := new(logs)
	m := newManager(t, options{Submitted: r, Logger: written.logger()})
	configured := func(ids ...string) {
		var tasks []prefetch.Task
		for _, id := range ids {
			tasks = append(tasks, prefetch.Task{Account: "a", ID: id, Deadline: deadline})
		}
		m.Set(from("config", append(tasks, task("a", "same"))...), []string{"a"})
	}
	configured("1", "2")
	configured("1", "2")
	if got := written.count("described differently"); got != 1 ||
		written.count("tasks=2 kept=config dropped=api first_account=a first_task=1") != 1 {
		t.Errorf("%d lines:\n%s", got, written)
	}
	if got := m.Merged()["a"][0]; got.Source != "config" || got.Deadline.IsZero() {
		t.Errorf("merged is %+v", got)
	}
	configured("2")
	configured("1", "2")
	if got := written.count("described differently"); got != 2 {
		t.Errorf("a conflict that came back: %d lines:\n%s", got, written)
	}
}

func TestReloadShowsNoHole(t *testing.T) {
	t.Parallel()
	stays := &server{answer: response(http.StatusOK, list("a/stays"))}
	goes := &server{answer: response(http.StatusOK, list("a/goes"))}
	comes := &server{answer: response(http.StatusOK, list("a/comes"))}
	folder, reports := t.TempDir(), newReports()
	oldFile, newFile := filepath.Join(folder, "old.yml"), filepath.Join(folder, "new.yml")
	write(t, oldFile, list("a/moves"))
	write(t, newFile, list("a/was configured", "a/new"))
	old := discovery.Update{
		Configured: from("config", task("a", "was configured")), Accounts: []string{"a"},
		Files: []string{oldFile}, HTTP: []discovery.HTTPSource{goes.source("https://h/goes"), stays.source("https://h/stays")},
	}
	m := newManager(t, options{Files: old.Files, HTTP: old.HTTP, Reporter: reports, Interval: slow})
	m.Set(old.Configured, old.Accounts)
	run(t, m)
	before := []string{"a/goes http", "a/moves file", "a/stays http", "a/was configured config"}
	awaitIDs(t, m, before...)

	bad := old
	bad.Files = []string{"relative"}
	bad.Configured = nil
	if err := m.Reload(bad); err == nil {
		t.Error("a bad pattern was taken")
	}
	bad = old
	bad.HTTP = []discovery.HTTPSource{{URL: "https://h/", ClientConfig: promconfig.HTTPClientConfig{TLSConfig: promconfig.TLSConfig{CAFile: "/does/not/exist"}}}}
	bad.Accounts = nil
	if err := m.Reload(bad); err == nil {
		t.Error("a bad URL was taken")
	}
	wantIDs(t, m, before...)

	release := make(chan struct{})
	comes.set(func(req *http.Request) (*http.Response, error) {
		<-release
		return response(http.StatusOK, list("a/comes"))(req)
	})
	err := m.Reload(discovery.Update{
		Configured: from("config", task("a", "moves")), Accounts: []string{"a"},
		Files: []string{newFile}, HTTP: []discovery.HTTPSource{old.HTTP[1], comes.source("https://h/comes")},
	})
	if err != nil {
		t.Fatal(err)
	}
	// At once: nothing that stays or moves is missing, and nothing that went is there.
	wantIDs(t, m, "a/moves config", "a/new file", "a/stays http", "a/was configured file")
	if m.Complete() {
		t.Error("complete before the new source was asked")
	}
	close(release)
	awaitIDs(t, m, "a/comes http", "a/moves config", "a/new file", "a/stays http", "a/was configured file")
	if diff := cmp.Diff([]string{"files", "https://h/comes", "https://h/stays"}, reports.names()); diff != "" || !m.Complete() {
		t.Errorf("complete is %v, sources (-want +got):\n%s", m.Complete(), diff)
	}
}

func TestReloadOfHTTPSources(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stays := &server{answer: response(http.StatusOK, list("a/stays"), "ETag", `"1"`)}
		goes := &server{answer: response(http.StatusOK, list("a/goes"))}
		keep, reports := stays.source("https://h/stays"), newReports()
		m := newManager(t, options{HTTP: []discovery.HTTPSource{goes.source("https://h/goes"), keep}, Reporter: reports})
		m.Set(nil, []string{"a"})
		runPolls(t, m)
		reload := func(source discovery.HTTPSource) {
			t.Helper()
			if err := m.Reload(discovery.Update{Accounts: []string{"a"}, HTTP: []discovery.HTTPSource{source}}); err != nil {
				t.Fatal(err)
			}
			wantIDs(t, m, "a/stays http")
			synctest.Wait()
		}

		reload(keep)
		if stays.asked() != 1 {
			t.Error("a source that did not change was asked because of the reload")
		}
		pass(5)
		if goes.asked() != 1 {
			t.Error("a source that was removed is asked")
		}
		if diff := cmp.Diff([]string{"https://h/stays"}, reports.names()); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}

		// Asked in another way, the source keeps what it said.
		stays.set(response(http.StatusInternalServerError, ""))
		asked := stays.asked()
		keep.RefreshInterval = 10 * time.Minute
		reload(keep)
		wantIDs(t, m, "a/stays http")
		if tag := stays.last().Header.Get("If-None-Match"); tag != `"1"` || stays.asked() != asked+1 {
			t.Errorf("asked with %q, %d times before and %d after", tag, asked, stays.asked())
		}
		pass(9)
		if stays.asked() != asked+1 {
			t.Error("the interval of before is in use")
		}
		if h, there := reports.source("https://h/stays"); !there || h.up || h.success.IsZero() {
			t.Errorf("reported %+v, %v", h, there)
		}
	})
}

// An answer that arrives after its source was removed changes nothing.
func TestLateAnswerOfARemovedSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(req *http.Request) (*http.Response, error) {
			// Deaf to its context, as a body in a buffer is.
			<-time.After(10 * time.Second)
			return response(http.StatusOK, list("a/1"))(req)
		}}
		reports := newReports()
		m := newManager(t, options{HTTP: []discovery.HTTPSource{s.source(tasksURL)}, Reporter: reports})
		m.Set(nil, []string{"a"})
		runPolls(t, m)
		if err := m.Reload(discovery.Update{Accounts: []string{"a"}}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		wantIDs(t, m)
		if names := reports.names(); len(names) > 0 || !m.Complete() {
			t.Errorf("sources %v are reported, complete is %v", names, m.Complete())
		}
	})
}

// A source that is removed while it is asked.
func TestAnswerToARemovedSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, reports := new(server), newReports()
		m := newManager(t, options{HTTP: []discovery.HTTPSource{s.source(tasksURL)}, Reporter: reports})
		m.Set(nil, []string{"a"})
		s.set(func(req *http.Request) (*http.Response, error) {
			if err := m.Reload(discovery.Update{Accounts: []string{"a"}}); err != nil {
				return nil, err
			}
			return response(http.StatusOK, list("a/1"))(req)
		})
		runPolls(t, m)
		wantIDs(t, m)
		if names := reports.names(); len(names) > 0 {
			t.Errorf("sources %v are reported", names)
		}
	})
}

func TestReloadFilesWhileWatching(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	one, two := filepath.Join(root, "one"), filepath.Join(root, "two")
	mkdir(t, one)
	mkdir(t, two)
	write(t, filepath.Join(one, "1.yml"), list("a/1"))
	w := watch(t, slow, filepath.Join(one, "*.yml"))
	run(t, w.manager)
	// Seen through a watch, so that there is one already.
	write(t, filepath.Join(one, "2.yml"), list("a/2"))
	awaitIDs(t, w.manager, "a/1 file", "a/2 file")
	if err := w.Reload(discovery.Update{Accounts: []string{"a"}, Files: []string{filepath.Join(two, "*.yml")}}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, w.manager)
	write(t, filepath.Join(two, "2.yml"), list("a/2"))
	awaitIDs(t, w.manager, "a/2 file")
	if err := w.Reload(discovery.Update{Accounts: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, w.manager)
	if names := w.reports.names(); len(names) > 0 {
		t.Errorf("sources %v are reported though none is configured", names)
	}
}
