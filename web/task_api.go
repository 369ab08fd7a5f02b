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
func (a *api) putTask(w http.ResponseWriter, r *http.Request) *apiError {
	account, id := r.PathValue("account"), r.PathValue("id")
	switch {
	case a.Registry == nil:
		return notEnabled
	case a.Snapshot().Account(account) == nil:
		return &apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf("there is no account %q", account)}
	case a.unread():
		return notRead
	}
	body, refused := readBody(w, r)
	if refused != nil {
		return refused
	}
	task, odd, err := tasklist.Body(body, account, id)
	if err != nil {
		return badData(err.Error())
	}
	created, err := a.changes.do(func() (bool, error) { return a.Registry.Put(task) })
	switch {
	case errors.Is(err, prefetch.ErrNoRoom):
		return &apiError{http.StatusTooManyRequests, errorLimit, err.Error()}
	case err != nil:
		return a.notKept(account, id, err)
	}
	a.Logger.Debug("a task was put through the API", "account", account, "task", id, "new", created)

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
	return nil
}

// deleteTask forgets a task that was put. One that another source lists too
// would be watched still, so nothing is done then.
func (a *api) deleteTask(w http.ResponseWriter, r *http.Request) *apiError {
	account, id := r.PathValue("account"), r.PathValue("id")
	switch {
	case a.Registry == nil:
		return notEnabled
	case a.unread():
		return notRead
	}
	for _, source := range a.Sources(account, id) {
		if source != prefetch.SourceAPI {
			return &apiError{http.StatusConflict, errorConflict, fmt.Sprintf(
				"task %q of account %q is also listed in source %q and would be watched still; nothing was done, remove it there first",
				id, account, source)}
		}
	}
	existed, err := a.changes.do(func() (bool, error) { return a.Registry.Delete(account, id) })
	switch {
	case err != nil:
		return a.notKept(account, id, err)
	case !existed:
		return a.neverPut(account, id)
	}
	a.Logger.Debug("a task was deleted through the API", "account", account, "task", id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// notKept tells that the store failed, to who asked and to the log.
func (a *api) notKept(account, id string, err error) *apiError {
	if !errors.Is(err, errManyChanges) {
		a.Logger.Error("a change through the task API could not be stored", "account", account, "task", id, "err", err)
	}
	return &apiError{http.StatusServiceUnavailable, errorUnavailable, "the change is not known to be durable; try again: " + err.Error()}
}

// neverPut is the answer to who deletes what is not kept. What only the vendor lists
// is watched all the same.
func (a *api) neverPut(account, id string) *apiError {
	if state := a.Snapshot().Account(account); state != nil {
		if task := state.Task(id); task != nil && task.Source == prefetch.SourceVendor {
			return &apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf(
				"task %q of account %q was never put: the vendor lists it, and it is watched because the account has discover", id, account)}
		}
	}
	return a.noTask(account, id)
}

//nolint:gochecknoglobals // nothing writes to them
var (
	// notEnabled is the answer to whoever wants to change tasks where that is not
	// allowed.
	notEnabled = &apiError{http.StatusForbidden, errorForbidden, "the task API is not enabled; see --web.enable-task-api"}
	// notRead is the answer to whoever wants to change or know a task before the
	// store was read.
	notRead = &apiError{http.StatusServiceUnavailable, errorUnavailable, "the store was not read yet; nothing was done, try again"}
)

func (a *api) noTask(account, id string) *apiError {
	if a.unread() {
		return notRead
	}
	return &apiError{http.StatusNotFound, errorNotFound, fmt.Sprintf("there is no task %q of account %q", id, account)}
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
		return nil, badData("the body could not be read: " + err.Error())
	default:
		return body, nil
	}
}
