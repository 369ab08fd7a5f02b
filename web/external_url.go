package web

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// ExternalURL is the address under which people reach the exporter; its path is
// empty, or begins with a slash and ends without one. Without a setting it is
// made of the host's name and the port of the listen address, or of the name
// alone if the address has no number for a port.
func ExternalURL(setting, hostname, listenAddress string) (*url.URL, error) {
	if setting == "" {
		setting = "http://" + hostname
		if strings.Contains(hostname, ":") {
			setting = "http://[" + hostname + "]"
		}
		if _, port, err := net.SplitHostPort(listenAddress); err == nil {
			if _, err := strconv.ParseUint(port, 10, 16); err == nil {
				setting += ":" + port
			}
		}
	}
	if strings.ContainsAny(setting, "\"'") {
		return nil, errors.New("URL must not contain quotes")
	}
	u, err := url.Parse(setting)
	if err != nil {
		// The whole error repeats the URL, in which a password may be.
		if problem := (*url.Error)(nil); errors.As(err, &problem) {
			err = problem.Err
		}
		return nil, fmt.Errorf("not a URL: %w", err)
	}
	if u.User != nil {
		return nil, errors.New("URL must not contain a user or a password")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q: want http:// or https:// and a host", setting)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("%q: must not have a query or a fragment", setting)
	}
	u.Path, u.RawPath = cleanPrefix(u.Path), ""
	return u, nil
}
