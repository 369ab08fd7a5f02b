package stack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Where the example sends what is to wake somebody, what becomes a ticket, and
// what people read.
const (
	pager   = "/pager"
	tickets = "/tickets"
	chat    = "/chat"
)

const (
	firing   = "firing"
	resolved = "resolved"
)

// notification is what Alertmanager posts to a webhook.
type notification struct {
	GroupLabels map[string]string `json:"groupLabels"`
	Alerts      []told            `json:"alerts"`
}

// told is one alert in a notification.
type told struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// message is what Alertmanager posts to Slack and its like.
type message struct {
	Channel     string       `json:"channel"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Title     string `json:"title"`
	TitleLink string `json:"title_link"`
	Text      string `json:"text"`
	Color     string `json:"color"`
}

// receiver is everybody whom Alertmanager tells.
type receiver struct {
	url string

	mu            sync.Mutex
	notifications map[string][]notification // by path
	messages      []message
	problems      []string
}

func startReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{notifications: map[string][]notification{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP remembers what is posted. It answers as Slack does, which other
// receivers need not.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	switch path := req.URL.Path; path {
	case pager, tickets:
		var n notification
		err = json.NewDecoder(req.Body).Decode(&n)
		r.notifications[path] = append(r.notifications[path], n)
	case chat:
		var m message
		err = json.NewDecoder(req.Body).Decode(&m)
		r.messages = append(r.messages, m)
	default:
		err = fmt.Errorf("nobody is at %s", path)
	}
	if err != nil {
		r.problems = append(r.problems, err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprint(w, "ok")
}

// told returns the alerts of a status that one of the receivers was told of.
func (r *receiver) told(path, status string) []told {
	var all []told
	for _, n := range r.received(path) {
		for _, a := range n.Alerts {
			if a.Status == status {
				all = append(all, a)
			}
		}
	}
	return all
}

// received returns the notifications that one of the receivers was sent.
func (r *receiver) received(path string) []notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notifications[path])
}

// chat returns the messages for people.
func (r *receiver) chat() []attachment {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []attachment
	for _, m := range r.messages {
		all = append(all, m.Attachments...)
	}
	return all
}

// unreadable is what went wrong with what was posted.
func (r *receiver) unreadable() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.problems)
}

// identities are the alerts that a receiver was told of, each once.
func (r *receiver) identities(path, status string) []identity {
	seen := map[identity]bool{}
	for _, a := range r.told(path, status) {
		seen[identify(a.Labels)] = true
	}
	return slices.SortedFunc(maps.Keys(seen), identity.compare)
}
