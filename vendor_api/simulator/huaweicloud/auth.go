package huaweicloud

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	sdkScheme = "SDK-HMAC-SHA256"
	// sdkTime is the form of X-Sdk-Date, in UTC.
	sdkTime = "20060102T150405Z"
	// sdkSkew is how far X-Sdk-Date may be off (API signing guide, APIG.0303).
	sdkSkew = 15 * time.Minute
)

// gate knows the credentials that are accepted, and gives out tokens.
type gate struct {
	// accessKeys and securityTokens hold the secret key, and the security token of
	// those that are temporary, of each access key; users the password of each
	// "domain/username".
	accessKeys, securityTokens, users map[string]string

	mu sync.Mutex
	// tokens are the values of X-Auth-Token that are accepted.
	tokens map[string]token
	issued int
}

func newGate(accessKeys, securityTokens, users map[string]string, static []string) *gate {
	g := &gate{accessKeys: accessKeys, securityTokens: securityTokens, users: users, tokens: map[string]token{}}
	for _, value := range static {
		g.tokens[value] = token{static: true}
	}
	return g
}

// authenticate returns nil for a call that may ask about the project, or about an
// account where that is empty. A signed call is judged by its signature, any other
// by its token.
func (g *gate) authenticate(r *http.Request, project string, body []byte, now time.Time) *simulator.Refusal {
	if header := r.Header.Get("Authorization"); header != "" {
		return g.checkSignature(r, header, body, now)
	}
	sent := r.Header.Get("X-Auth-Token")
	if sent == "" {
		return badCredentials("x-auth-token not found")
	}
	t, ok := g.token(sent, now)
	switch {
	case !ok:
		return badCredentials("decrypt token fail")
	case project != "" && !t.opens(project):
		return wrongProject()
	}
	return nil
}

// checkSignature verifies SDK-HMAC-SHA256, as the API signing guide describes
// it.
func (g *gate) checkSignature(r *http.Request, header string, body []byte, now time.Time) *simulator.Refusal {
	claim, ok := simulator.ParseSignature(header, sdkScheme)
	if !ok {
		return badCredentials("authorization header is malformed")
	}
	accessKey := claim["Access"]
	secret, ok := g.accessKeys[accessKey]
	if !ok {
		return badCredentials("verify ak fail")
	}
	signed := strings.Split(claim["SignedHeaders"], ";")
	if !slices.IsSorted(signed) || !slices.Contains(signed, "x-sdk-date") {
		return badCredentials("signed headers must be sorted and contain x-sdk-date")
	}
	date := r.Header.Get("X-Sdk-Date")
	sent, err := time.Parse(sdkTime, date)
	if err != nil {
		return badCredentials("x-sdk-date is malformed")
	}
	if now.Sub(sent).Abs() > sdkSkew {
		refused := badCredentials("signature time expired, signature:" + date + ", server:" + now.UTC().Format(sdkTime))
		refused.Code = "APIGW.0303"
		return refused
	}
	if token, temporary := g.securityTokens[accessKey]; temporary {
		if !slices.Contains(signed, "x-security-token") || r.Header.Get("X-Security-Token") != token {
			return badCredentials("verify security token fail")
		}
	}
	canonical, err := sdkCanonical(r, body, signed)
	if err != nil {
		return badCredentials("request cannot be verified")
	}
	wanted := simulator.HexHMAC(secret, strings.Join([]string{sdkScheme, date, simulator.HexSHA256([]byte(canonical))}, "\n"))
	if claim["Signature"] != wanted {
		return badCredentials("verify aksk signature fail")
	}
	return nil
}

func badCredentials(detail string) *simulator.Refusal {
	return simulator.Denied(http.StatusUnauthorized, "APIGW.0301", "Incorrect IAM authentication information: "+detail)
}

// sdkCanonical is the canonical request that the signature covers. The parameters are
// sorted by name and then by value.
func sdkCanonical(r *http.Request, body []byte, signed []string) (string, error) {
	path, err := sdkPath(r.URL)
	if err != nil {
		return "", err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	for _, values := range query {
		slices.Sort(values)
	}
	var headers strings.Builder
	for _, name := range signed {
		values := slices.Sorted(slices.Values(r.Header.Values(name)))
		if name == "host" {
			values = []string{r.Host}
		}
		for _, value := range values {
			headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
		}
	}
	return strings.Join([]string{
		r.Method, path, simulator.SortedQuery(query), headers.String(), strings.Join(signed, ";"), simulator.HexSHA256(body),
	}, "\n"), nil
}

// sdkPath escapes each segment anew, and ends in a slash that the path that was
// sent does not have.
func sdkPath(u *url.URL) (string, error) {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return "", fmt.Errorf("path: %w", err)
		}
		segments[i] = simulator.Escape(plain)
	}
	return strings.Join(segments, "/") + "/", nil
}
