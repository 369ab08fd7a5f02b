package discovery

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxRedirects is net/http's own limit, which an own policy takes the place of.
	maxRedirects = 10
	// maxHost bounds what an error shows of an address that a server sent.
	maxHost = 100
)

// followWithin is a [http.Client]'s CheckRedirect. A redirect is followed only to
// the scheme, host and port of the source: the user trusts that address with the
// credentials that are sent along, and with what is watched.
func followWithin(req *http.Request, via []*http.Request) error {
	source := via[0].URL
	if origin(req.URL) != origin(source) {
		target := origin(req.URL)
		if len(target) > maxHost {
			target = target[:maxHost] + "…"
		}
		return fmt.Errorf("a redirect to %q is not followed, only those within scheme, host and port are", target)
	}
	if len(via) >= maxRedirects {
		return errors.New("stopped after 10 redirects")
	}
	// It would tell the query, which may hold a token, to whoever logs it.
	req.Header.Del("Referer")
	// A target that names the host leaves out who asks.
	if req.URL.User == nil {
		req.URL.User = source.User
	}
	return nil
}

// origin is the scheme, host and port of an address, the port also where it is the
// scheme's own.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
