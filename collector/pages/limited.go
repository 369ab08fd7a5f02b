package pages

import (
	"fmt"
	"net/http"
	"sync"

	"prefetch_exporter/internal/peer"
)

// keptForOthers is what part of the scrapes at once no single client can have: one
// that does not read its pages holds each for a minute.
const keptForOthers = 4

// limited answers as promhttp does if there are too many requests at once. The
// limit is not left to promhttp because it has to hold for all ways in which a
// request is answered.
func limited(h http.Handler, limit int) http.Handler {
	s := &scrapes{limit: limit, of: map[string]int{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := peer.Of(r.RemoteAddr)
		if !s.begin(client) {
			http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", limit),
				http.StatusServiceUnavailable)
			return
		}
		defer s.end(client)
		h.ServeHTTP(w, r)
	})
}

// scrapes are those under way, by client.
type scrapes struct {
	limit int

	mu  sync.Mutex
	all int
	of  map[string]int
}

func (s *scrapes) begin(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.limit || s.of[client] >= s.limit-s.limit/keptForOthers {
		return false
	}
	s.all++
	s.of[client]++
	return true
}

func (s *scrapes) end(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[client]--; s.of[client] == 0 {
		delete(s.of, client)
	}
}
