package foreign

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

const (
	// hidden is what stands where a secret stood.
	hidden = "<secret>"
	// minSecret is the shortest text that is hidden, in bytes. Three letters can
	// be found by trying them all, so that hiding them protects nothing, and they
	// would blot out parts of ordinary words.
	minSecret = 4
)

// Redactor hides secrets in what an answer says: servers name the key that they
// refuse, and gateways show the request that they got. The zero value hides
// nothing.
type Redactor struct {
	// forms are the secrets in every form in which they may be shown, the longest
	// first, so that a header goes before the key that is part of it.
	forms []string
}

// NewRedactor returns one that knows secrets.
func NewRedactor(secrets ...string) Redactor {
	var forms []string
	for _, secret := range secrets {
		forms = append(forms, formsOf(secret)...)
	}
	forms = slices.DeleteFunc(forms, func(form string) bool { return len(form) < minSecret })
	slices.SortFunc(forms, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	return Redactor{slices.Compact(forms)}
}

// Carried returns what is secret of the named headers: their values, and those
// parts of an Authorization that are secret by themselves, such as the access key
// and the signature.
func Carried(header http.Header, names ...string) []string {
	var secrets []string
	for _, name := range names {
		secrets = append(secrets, header.Values(name)...)
	}
	req := http.Request{Header: header}
	if _, password, ok := req.BasicAuth(); ok {
		secrets = append(secrets, password)
	}
	authorization := header.Get("Authorization")
	_, credentials, spaced := strings.Cut(authorization, " ")
	secrets = append(secrets, credentials)
	if !spaced {
		// A scheme that is written as a path, whose end is the signature.
		secrets = append(secrets, authorization[strings.LastIndexByte(authorization, '/')+1:])
	}
	for field := range strings.SplitSeq(credentials, ",") { // with a space after it, or without
		if name, value, _ := strings.Cut(strings.TrimSpace(field), "="); name != "SignedHeaders" {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// ProxySecrets are what a proxy is sent, and may show.
func ProxySecrets(proxy *promconfig.ProxyConfig) []string {
	var secrets []string
	if u := proxy.ProxyURL.URL; u != nil && u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, password, base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	for _, values := range proxy.ProxyConnectHeader {
		for _, value := range values {
			secrets = append(secrets, string(value))
		}
	}
	return secrets
}

// Hide returns a text that [Excerpt] made, or that holds some, without secrets.
func (r Redactor) Hide(text string) string {
	for _, form := range r.forms {
		text = strings.ReplaceAll(text, form, hidden)
	}
	parts := strings.Split(text, ellipsis)
	for i := range parts[:len(parts)-1] {
		parts[i] = r.hideEnd(parts[i])
	}
	return strings.Join(parts, ellipsis)
}

// hideEnd hides the part of a secret that was left when the text was cut.
func (r Redactor) hideEnd(text string) string {
	text = strings.TrimRight(text, "\uFFFD") // a character that was cut in two
	longest := 0
	for _, form := range r.forms {
		for n := min(len(form)-1, len(text)); n >= minSecret && n > longest; n-- {
			if strings.HasSuffix(text, form[:n]) {
				longest = n
			}
		}
	}
	if longest == 0 {
		return text
	}
	return text[:len(text)-longest] + hidden
}

// formsOf returns how a secret may be written in a text on one line: as it is,
// and as JSON, error pages, addresses and quoted texts write it, also one in
// another. JSON may or may not escape what is special in HTML.
func formsOf(secret string) []string {
	// No text shows more of a token, which may have many kilobytes.
	forms := []string{secret[:min(len(secret), maxExcerpted)]}
	for range 2 {
		for _, s := range forms {
			quoted := strconv.Quote(s)
			forms = append(forms, inJSON(s, true), inJSON(s, false), quoted[1:len(quoted)-1],
				html.EscapeString(s), url.QueryEscape(s), url.PathEscape(s))
		}
		slices.Sort(forms)
		forms = slices.Compact(forms)
	}
	for i, s := range forms {
		forms[i] = oneLine(s)
	}
	return forms
}

// inJSON is s as it stands between the quotes of a JSON string.
func inJSON(s string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(s); err != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}
