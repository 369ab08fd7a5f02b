package check

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config"
	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/web/words"
)

// Result is what one question to an account told, without secrets.
type Result struct {
	Account  string `json:"account"`
	Provider string `json:"provider"`
	// Works: the vendor knows who asks and answered, if only that it does not know the
	// task.
	Works bool `json:"works"`
	// Endpoint is where the vendor is asked, and Connected the last host and address
	// that the request went to: the vendor's, its login's or a proxy's.
	Endpoint  string `json:"endpoint"`
	Connected string `json:"connected"`
	// Asked is the question in words.
	Asked string `json:"asked"`
	// NotAsked is why no call was made; empty if one was. What follows is empty then.
	NotAsked string `json:"not_asked"`
	// SignedAs is how the request was authorized, and as whom.
	SignedAs string `json:"signed_as"`
	// HTTPStatus is 0 if no response came. RequestID is the vendor's, for its support.
	HTTPStatus int    `json:"http_status"`
	RequestID  string `json:"request_id"`
	// Took is how long the call took, in seconds.
	Took float64 `json:"took_seconds"`
	// ClockOffset is by how much the vendor's clock is ahead of ours, in seconds, give
	// or take a second and half of Took; nil if it did not tell.
	ClockOffset *float64 `json:"clock_offset_seconds"`
	// Understood is what the answer says, or why there is none, in words.
	Understood string `json:"understood"`
	// Advice is what to look at next.
	Advice []string `json:"advice"`
}

// explain says what came of the call. failed is nil if it was answered.
func (c *Result) explain(q *question, a vendorapi.Answer, failed *vendorapi.Error) {
	if failed != nil {
		c.RequestID, c.Understood = failed.RequestID, failed.Error()
		c.Works, c.Advice = advise(q, failed)
		return
	}
	c.Works, c.RequestID = true, a.RequestID
	c.Understood = understood(q, &a)
	c.Advice = append(c.Advice, a.Oddities...)
	if len(a.UnknownWords) > 0 {
		c.Advice = append(c.Advice, "the answer has words for statuses that nobody documented: "+strings.Join(a.UnknownWords, ", "))
	}
}

// understood says what an answer tells.
func understood(q *question, a *vendorapi.Answer) string {
	switch {
	case q.Kind == vendorapi.QueryList:
		return words.Plural(max(a.Count, len(a.Tasks)), "task") + ", created in the last hour"
	case q.Kind == vendorapi.QueryWindow:
		return words.Plural(max(a.Count, len(a.URLs)), "URL") + ", created in the last 10 minutes"
	case a.Refused[q.TaskID] != nil:
		return "the vendor answers, but not of this task: " + a.Refused[q.TaskID].Error()
	case len(a.URLs) == 0 && a.Count == 0:
		return "the vendor answers, and does not know the task"
	}
	parts := []string{words.Plural(max(a.Count, len(a.URLs)), "URL")}
	if a.Count > len(a.URLs) {
		parts = append(parts, fmt.Sprintf("%d of them on this page", len(a.URLs)))
	}
	counts := prefetch.CountURLs(a.URLs)
	for _, s := range prefetch.Statuses() {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// advise says whether a failure shows that the account works, and what to look at.
func advise(q *question, e *vendorapi.Error) (works bool, advice []string) {
	if e.Refused != "" {
		return true, []string{
			"the vendor does not support this form of the question (" + string(e.Refused) + "); the exporter asks in another one",
		}
	}
	switch e.Reason {
	case prefetch.ReasonNotFound:
		return true, []string{"the vendor knows who asks, and not the task"}
	case prefetch.ReasonInvalid:
		if q.madeUp {
			return true, []string{"the vendor knows who asks; that it refuses an id that does not exist is no trouble"}
		}
		return false, []string{
			"the vendor does not take the question: compare the ids in the configuration (of the task, a project, a zone) with its console",
		}
	case prefetch.ReasonAuth:
		return false, []string{
			"compare the key with the vendor's console: is it complete, active, and of this account?",
			"look whether its user may query prefetch tasks: docs/vendors.md names the permission",
		}
	case prefetch.ReasonThrottled:
		return false, []string{"the quota is used up, also by others that share it: give a smaller rate_limit, or ask again later"}
	case prefetch.ReasonTimeout, prefetch.ReasonUnavailable:
		return false, []string{
			"look whether this machine reaches the endpoint: its name, a firewall, a proxy (http_client_config), its certificate",
		}
	case prefetch.ReasonDecode:
		return false, []string{"something else than the vendor's API may answer there: look at the endpoint, and at proxies on the way"}
	default:
		return false, nil
	}
}

// muchOff is an offset that some vendors do not allow; the strictest allow minutes.
const muchOff = 30 * time.Second

// clock compares the vendor's Date with the middle of the call.
func (c *Result) clock(r *reply) {
	date := r.answer.Date
	if r.failed != nil {
		date = r.failed.Date
	}
	if date.IsZero() {
		return
	}
	// The header has whole seconds: in the mean half of one is cut off.
	offset := date.Add(time.Second / 2).Sub(r.began.Add(r.took / 2))
	c.ClockOffset = new(offset.Seconds())
	if off := offset.Abs() - r.took/2; off > muchOff {
		c.Advice = append(c.Advice, "set this machine's clock: many vendors refuse what is dated minutes off, and call the signature wrong")
	}
}

// wire watches the requests of clients.
type wire struct {
	mu   sync.Mutex
	last sight
}

// sight is what the last request looked like on its way, as far as it is no secret.
type sight struct {
	host, address string
	// how it was authorized; empty if it was not.
	how string
	// status is 0 if no response came.
	status int
}

// through is the way of the requests of a client.
func (w *wire) through(next http.RoundTripper) http.RoundTripper {
	return look(func(req *http.Request) (*http.Response, error) {
		w.note(func(s *sight) { *s = sight{host: req.URL.Host, how: authorization(req.Header)} })
		ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			w.note(func(s *sight) { s.address = info.Conn.RemoteAddr().String() })
		}})
		resp, err := next.RoundTrip(req.WithContext(ctx))
		if err == nil {
			w.note(func(s *sight) { s.status = resp.StatusCode })
		}
		return resp, err //nolint:wrapcheck // it is passed on
	})
}

type look func(*http.Request) (*http.Response, error)

func (l look) RoundTrip(req *http.Request) (*http.Response, error) { return l(req) }

// authorization is the method by which a request is authorized. What follows its name
// has the key and the signature.
func authorization(header http.Header) (how string) {
	how, _, _ = strings.Cut(header.Get("Authorization"), " ")
	how, _, _ = strings.Cut(how, "/")
	for name := range header {
		if how == "" && strings.HasSuffix(name, "-Auth-Token") {
			how = name
		}
	}
	return how
}

// connected names the host, and its address where that is another word.
func (s sight) connected() string {
	if s.address == "" || s.address == s.host {
		return s.address
	}
	return s.host + " (" + s.address + ")"
}

// note changes what is known of the last request, and returns it.
func (w *wire) note(change func(*sight)) sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.last)
	return w.last
}

const (
	// longKey is how long a key must be for its last keyEnd characters to be shown.
	longKey, keyEnd = 16, 4
)

// signedAs says how a request was authorized, as whom, and where the credentials
// come from. Of an access key only its end is shown: it is half of a credential.
func signedAs(method, who string, cfg *config.Config, a *poller.Account) string {
	if method == "" {
		method = "not signed"
	}
	section := credentials(cfg, a)
	switch {
	case who == "":
	case slices.ContainsFunc(section, func(field string) bool { return strings.HasSuffix(field, ": "+who) }):
		method += ", as " + who
	case len(who) >= longKey:
		method += ", with the key that ends in " + who[len(who)-keyEnd:]
	}
	return strings.Join(append([]string{method}, section...), "; ")
}

// credentials are the keys of the account's section, masked as /config shows them,
// in the order of the file.
func credentials(cfg *config.Config, a *poller.Account) (fields []string) {
	var shown struct {
		Accounts []map[string]yaml.Node `yaml:"accounts"`
	}
	if err := yaml.Unmarshal(cfg.Masked(), &shown); err != nil {
		return nil
	}
	for _, account := range shown.Accounts {
		if name, section := account["name"], account[a.Account.Provider]; name.Value == a.Name {
			return scalars("", &section)
		}
	}
	return nil
}

// scalars are the values in a mapping, and in those below, but for what is told
// elsewhere.
func scalars(above string, m *yaml.Node) (fields []string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := above+m.Content[i].Value, m.Content[i+1]
		switch {
		case key == "endpoint" || key == "http_client_config":
		case value.Kind == yaml.MappingNode:
			fields = append(fields, scalars(key+".", value)...)
		case value.Kind == yaml.ScalarNode:
			fields = append(fields, key+": "+value.Value)
		}
	}
	return fields
}
