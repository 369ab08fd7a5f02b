package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/tasklist"
)

const (
	// maxBody bounds what a task may say, in bytes.
	maxBody = 1 << 20
	// bodyTimeout bounds how long a client may take to say it.
	bodyTimeout = 30 * time.Second
)

// putTask adds or replaces a task. It answers with the task as it is watched
// now, so that who put it sees what became of it.
func (a *api) putTask(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w) {
		return
	}
	account, id := r.PathValue("account"), r.PathValue("id")
	if a.snapshot().Account(account) == nil {
		fail(w, apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf("there is no account %q", account)})
		return
	}
	if a.unread() {
		fail(w, notRead)
		return
	}
	body, refused := readBody(w, r)
	if refused != nil {
		fail(w, *refused)
		return
	}
	task, odd, err := tasklist.Body(body, account, id)
	if err != nil {
		fail(w, apiError{http.StatusBadRequest, errorBadData, err.Error()})
		return
	}
	created, err := a.changes.do(func() (bool, error) { return a.registry.Put(task) })
	switch {
	case errors.Is(err, prefetch.ErrNoRoom):
		fail(w, apiError{http.StatusTooManyRequests, errorLimit, err.Error()})
		return
	case err != nil:
		a.notKept(w, account, id, err)
		return
	}
	a.log.Debug("a task was put through the API", "account", account, "task", id, "new", created)

	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	view, warnings, found := a.find(account, id, firstRows())
	if !found { // it was deleted, or its account removed, in this very moment
		view = viewDetail(&prefetch.AccountState{}, &prefetch.TaskState{
			Account: prefetch.Account{Name: account}, ID: id, Source: prefetch.SourceAPI,
			Labels: task.Labels, Created: task.Created, Deadline: task.Deadline,
		}, firstRows())
	}
	if view.Source != prefetch.SourceAPI {
		warnings = append(warnings, fmt.Sprintf(
			"the task is also listed in source %q, whose entry is shown and counts; this one is kept and counts when that one is gone", view.Source))
	}
	for _, doubt := range odd {
		warnings = append(warnings, doubt.String())
	}
	succeed(w, status, success{Data: view, Warnings: warnings})
}

// deleteTask forgets a task that was put. One that another source lists too
// would be watched still, so nothing is done then.
func (a *api) deleteTask(w http.ResponseWriter, r *http.Request) {
	if !a.allowed(w) {
		return
	}
	account, id := r.PathValue("account"), r.PathValue("id")
	if a.unread() {
		fail(w, notRead)
		return
	}
	for _, source := range a.sources(account, id) {
		if source != prefetch.SourceAPI {
			fail(w, apiError{http.StatusConflict, errorConflict, fmt.Sprintf(
				"task %q of account %q is also listed in source %q and would be watched still; nothing was done, remove it there first",
				id, account, source)})
			return
		}
	}
	existed, err := a.changes.do(func() (bool, error) { return a.registry.Delete(account, id) })
	switch {
	case err != nil:
		a.notKept(w, account, id, err)
	case !existed:
		fail(w, a.neverPut(account, id))
	default:
		a.log.Debug("a task was deleted through the API", "account", account, "task", id)
		w.WriteHeader(http.StatusNoContent)
	}
}

// allowed answers by itself if tasks must not be changed over HTTP.
func (a *api) allowed(w http.ResponseWriter) bool {
	if a.registry != nil {
		return true
	}
	fail(w, apiError{http.StatusForbidden, errorForbidden, "the task API is not enabled; see --web.enable-task-api"})
	return false
}

// notKept tells that the store failed, to who asked and to the log.
func (a *api) notKept(w http.ResponseWriter, account, id string, err error) {
	if !errors.Is(err, errManyChanges) {
		a.log.Error("a change through the task API could not be stored", "account", account, "task", id, "err", err)
	}
	fail(w, apiError{http.StatusServiceUnavailable, errorUnavailable, "the change is not known to be durable; try again: " + err.Error()})
}

// neverPut is the answer to who deletes what is not kept. What only the vendor lists
// is watched all the same.
func (a *api) neverPut(account, id string) apiError {
	state := a.snapshot().Account(account)
	if state == nil {
		return a.noTask(account, id)
	}
	if task := state.Task(id); task == nil || task.Source != prefetch.SourceVendor {
		return a.noTask(account, id)
	}
	return apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf(
		"task %q of account %q was never put: the vendor lists it, and it is watched because the account has discover", id, account)}
}

// notRead is the answer to whoever wants to change or know a task before the store
// was read.
var notRead = apiError{ //nolint:gochecknoglobals // nothing writes to it
	http.StatusServiceUnavailable, errorUnavailable, "the store was not read yet; nothing was done, try again",
}

func (a *api) noTask(account, id string) apiError {
	if a.unread() {
		return notRead
	}
	return apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf("there is no task %q of account %q", id, account)}
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	// Where there is no connection to set a deadline for, none is needed.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		// Otherwise it stays: the server reads what is left of a body, too.
		_ = control.SetReadDeadline(time.Time{})
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &apiError{http.StatusRequestEntityTooLarge, errorBadData, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case err != nil:
		return nil, &apiError{http.StatusBadRequest, errorBadData, "the body could not be read: " + err.Error()}
	default:
		return body, nil
	}
}
