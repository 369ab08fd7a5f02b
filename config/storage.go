package config

import (
	"net"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/common/model"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
)

// The limits of what etcd is asked for. No lease can be shorter without being lost
// whenever etcd changes its leader, and a takeover waits for it.
const (
	minLeaseTTL    = 5 * time.Second
	maxLeaseTTL    = 10 * time.Minute
	maxDialTimeout = time.Minute
)

// Storage is where the exporter keeps what must survive a restart.
type Storage struct {
	// Etcd is nil for the embedded store.
	Etcd *Etcd `yaml:"etcd,omitempty"`
}

// IsZero reports whether nothing was written, so that nothing is shown.
func (s Storage) IsZero() bool { return s.Etcd == nil }

// Etcd is a store that replicas of the exporter share.
type Etcd struct {
	// Endpoints are scheme://host:port, all of one scheme, in the order of the file.
	Endpoints []string `yaml:"endpoints"`
	// Prefix begins with a slash and does not end with one; it is not "/".
	Prefix string `yaml:"prefix"`
	// Username is empty, and Password nil, where etcd asks for no password.
	Username string         `yaml:"username,omitempty"`
	Password *secret.Secret `yaml:"password,omitempty"`
	// TLSConfig is for https:// endpoints only.
	TLSConfig client.TLSConfig `yaml:"tls_config,omitempty"`
	// LeaseTTL is after how long without a word another replica takes over, in whole
	// seconds.
	LeaseTTL model.Duration `yaml:"lease_ttl"`
	// DialTimeout bounds an attempt to connect.
	DialTimeout model.Duration `yaml:"dial_timeout"`
}

// Secure reports whether the endpoints are https://.
func (e *Etcd) Secure() bool { return strings.HasPrefix(e.Endpoints[0], address.HTTPS+"://") }

// readStorage reads the section, and where its keys stand, or should; that of "" is
// the section's own line.
func readStorage(v form.Value) (s Storage, lines map[string]int) {
	lines = map[string]int{"": v.Line}
	m, _ := v.Mapping()
	if !m.Has("etcd") {
		return s, lines
	}
	etcd, ok := m.Get("etcd").Mapping()
	if !ok {
		return s, lines
	}
	for _, key := range form.KeysOf[Etcd]() {
		lines[key] = etcd.Get(key).Line
	}
	return Storage{Etcd: readEtcd(etcd)}, lines
}

func readEtcd(m form.Mapping) *Etcd {
	e := &Etcd{
		Endpoints: readEtcdEndpoints(m.Get("endpoints")),
		Prefix:    readPrefix(m.Get("prefix")),
		TLSConfig: client.ReadTLS(m.Get("tls_config")),
		LeaseTTL:  m.Get("lease_ttl").Duration(form.Span[time.Duration]{Def: 15 * time.Second, Low: minLeaseTTL, High: maxLeaseTTL}),
		DialTimeout: m.Get("dial_timeout").Duration(
			form.Span[time.Duration]{Def: 5 * time.Second, Low: shortest, High: maxDialTimeout}),
	}
	if time.Duration(e.LeaseTTL)%time.Second != 0 {
		m.Get("lease_ttl").Failf("must be whole seconds, is %s", e.LeaseTTL)
	}
	switch {
	case m.Has("username"):
		e.Username = m.Get("username").RequiredLine()
		e.Password = m.RequiredPassword("password")
	case m.Has("password", "password_file"):
		m.Get("username").Failf("is required where there is a password")
	}
	if e.TLSConfig.InsecureSkipVerify {
		m.Get("tls_config").Warnf("insecure_skip_verify: etcd's certificate is not checked, " +
			"so anybody on the way can read and change what is stored")
	}
	if tls := m.Get("tls_config"); len(e.Endpoints) > 0 && !e.Secure() && !e.TLSConfig.IsZero() {
		tls.Failf("is not used with http:// endpoints, which are not encrypted; make them https://, or remove it")
	}
	return e
}

// readEtcdEndpoints reads the addresses of etcd's members. The client takes the
// scheme of the first for all, so one http:// would send the password in clear.
func readEtcdEndpoints(v form.Value) []string {
	var endpoints []string
	schemes, first := map[string]form.Value{}, map[string]int{}
	for _, item := range v.RequiredList("endpoint") {
		u := address.Server(item)
		if u == nil {
			continue
		}
		if u.Port() == "" {
			item.Failf("has no port; etcd's is 2379")
			continue
		}
		// In lower case, so that equal endpoints are equal texts.
		endpoint := u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), u.Port())
		if line, twice := first[endpoint]; twice {
			item.Failf("is listed already, in line %d", line)
			continue
		}
		first[endpoint] = item.Line
		if _, ok := schemes[u.Scheme]; !ok {
			schemes[u.Scheme] = item
		}
		if u.Scheme == address.HTTP && !address.Loopback(u.Hostname()) {
			item.Warnf("the password and what is stored are sent unencrypted; use https://")
		}
		endpoints = append(endpoints, endpoint)
	}
	if len(schemes) > 1 {
		schemes[address.HTTP].Failf("is http://, but the endpoint in line %d is https://; all must be https://, or all http://",
			schemes[address.HTTPS].Line)
	}
	return endpoints
}

// readPrefix reads what all keys of the group begin with. A slash at its end makes no
// other group.
func readPrefix(v form.Value) string {
	if !v.Given() {
		return "/prefetch_exporter"
	}
	text := v.Text()
	if text == "" {
		return ""
	}
	prefix := strings.TrimSuffix(text, "/")
	switch {
	case !strings.HasPrefix(text, "/"):
		v.Failf("must begin with a slash, such as /prefetch_exporter")
	case prefix == "":
		v.Failf("must be more than a slash: etcd may be shared with others")
	case path.Clean(prefix) != prefix:
		v.Failf(`must have no empty, "." or ".." part`)
	case strings.ContainsFunc(prefix, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		v.Failf("must not contain blanks or characters that cannot be seen")
	}
	return prefix
}

// CheckStorage reports that the storage is not the same as in the configuration
// before: it cannot be changed while the exporter runs. What is in a file may change.
func (c *Config) CheckStorage(before *Config) error {
	was, is := before.Storage.Etcd, c.Storage.Etcd
	line, field, what := c.storage[""], "storage.etcd", "is new"
	switch {
	case was == nil && is == nil:
		return nil
	case was == nil:
	case is == nil:
		what = "is gone"
	default:
		key := was.differs(is)
		if key == "" {
			return nil
		}
		line, field, what = c.storage[key], form.Join(field, key), "is not what it was"
	}
	r := form.Reader{File: c.file}
	r.Failf(line, field, "%s; a reload cannot change the storage: start the exporter anew for that", what)
	return r.Errs
}

// differs returns a key of which the other has another value; "" if there is none.
func (e *Etcd) differs(other *Etcd) string {
	for _, key := range []struct {
		name string
		same bool
	}{
		{"endpoints", slices.Equal(e.Endpoints, other.Endpoints)},
		{"prefix", e.Prefix == other.Prefix},
		{"username", e.Username == other.Username},
		{"password", secret.Same(e.Password, other.Password)},
		{"tls_config", *e.TLSConfig.TLSConfig == *other.TLSConfig.TLSConfig},
		{"lease_ttl", e.LeaseTTL == other.LeaseTTL},
		{"dial_timeout", e.DialTimeout == other.DialTimeout},
	} {
		if !key.same {
			return key.name
		}
	}
	return ""
}
