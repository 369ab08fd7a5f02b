package web_test

import (
	"strings"
	"testing"

	"prefetch_exporter/web"
)

func TestExternalURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		setting, hostname, listen string
		want, wantErr             string
	}{
		{"", "watch", ":10186", "http://watch:10186", ""},
		{"", "watch", "127.0.0.1:8080", "http://watch:8080", ""},
		{"", "watch", "[::1]:8080", "http://watch:8080", ""},
		{"", "watch", "vsock://:9090", "http://watch", ""},
		{"", "watch", ":http", "http://watch", ""},
		{"", "watch", "nonsense", "http://watch", ""},
		{"", "fe80::1", ":10186", "http://[fe80::1]:10186", ""},
		{"https://ops.example.com", "", "", "https://ops.example.com", ""},
		{"https://ops.example.com/", "", "", "https://ops.example.com", ""},
		{"https://ops.example.com:8443/prefetch", "", "", "https://ops.example.com:8443/prefetch", ""},
		{"https://ops.example.com//a/b//", "", "", "https://ops.example.com/a/b", ""},
		{"http://[::1]:9/x", "", "", "http://[::1]:9/x", ""},
		{"ops.example.com/prefetch", "", "", "", "want http:// or https:// and a host"},
		{"/prefetch", "", "", "", "want http:// or https:// and a host"},
		{"ftp://ops.example.com", "", "", "", "want http:// or https:// and a host"},
		{"http://:10186/", "", "", "", "want http:// or https:// and a host"},
		{"http://ops:http/", "", "", "", "invalid port"},
		{"https://ops.example.com/%zz", "", "", "", "invalid URL escape"},
		{"'https://ops.example.com'", "", "", "", "quotes"},
		{`https://ops.example.com/"x`, "", "", "", "quotes"},
		{"https://me:hunter2@ops.example.com", "", "", "", "must not contain a user or a password"},
		{"ftp://me:hunter2@ops.example.com", "", "", "", "must not contain a user or a password"},
		{"https://me:hunter2@ops.example.com/%zz", "", "", "", "not a URL: invalid URL escape"},
		{"https://ops.example.com/?x=1", "", "", "", "query or a fragment"},
		{"https://ops.example.com/?", "", "", "", "query or a fragment"},
		{"https://ops.example.com/#tasks", "", "", "", "query or a fragment"},
	} {
		u, err := web.ExternalURL(test.setting, test.hostname, test.listen)
		if test.wantErr != "" {
			if err == nil || !strings.Contains(err.Error(), test.wantErr) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: error %v, want %q in it", test.setting, err, test.wantErr)
			}
			continue
		}
		if err != nil || u.String() != test.want {
			t.Errorf("%q on %q at %q: %v, %v, want %s", test.setting, test.hostname, test.listen, u, err, test.want)
		}
	}
}
