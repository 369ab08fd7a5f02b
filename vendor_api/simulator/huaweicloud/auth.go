package huaweicloud

import (
	"crypto/hmac"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	sdkScheme = "SDK-HMAC-SHA256"
	// sdkTime is the form of X-Sdk-Date, in UTC.
	sdkTime = "20060102T150405Z"
	// sdkSkew is how far X-Sdk-Date may be off (API signing guide, APIG.0303).
	sdkSkew = 15 * time.Minute

	unsignedPayload = "UNSIGNED-PAYLOAD"
)

// gate knows the credentials that are accepted, and gives out tokens.
type gate struct {
	// accessKeys and securityTokens hold the secret key, and the security token of
	// those that are temporary, of each access key; users the password of each
	// "domain/username".
	accessKeys, securityTokens, users map[string]string
	// projects are the project ids that exist; nil means that all do.
	projects []string
	tokens   *tokens
	// issued counts a token that was given out.
	issued func()
}

// authenticate returns nil for a call that may ask about the project, or about an
// account where that is empty. A signed call is judged by its signature, any other
// by its token.
func (g *gate) authenticate(r *http.Request, project string, body []byte, now time.Time) *refusal {
	if header := r.Header.Get("Authorization"); header != "" {
		return g.checkSignature(r, header, body, now)
	}
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		return badCredentials("x-auth-token not found")
	}
	valid, rightProject := g.tokens.check(token, project, now)
	switch {
	case !valid:
		return badCredentials("decrypt token fail")
	case !rightProject && project != "":
		return wrongProject()
	}
	return nil
}

// checkSignature verifies SDK-HMAC-SHA256, as the API signing guide describes
// it.
func (g *gate) checkSignature(r *http.Request, header string, body []byte, now time.Time) *refusal {
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
		return gatewayError(http.StatusUnauthorized, "APIGW.0303", fmt.Sprintf(
			"Incorrect IAM authentication information: signature time expired, signature:%s, server:%s",
			date, now.UTC().Format(sdkTime)), simulator.RefusedAuth)
	}
	if token, temporary := g.securityTokens[accessKey]; temporary {
		if !slices.Contains(signed, "x-security-token") ||
			!hmac.Equal([]byte(r.Header.Get("X-Security-Token")), []byte(token)) {
			return badCredentials("verify security token fail")
		}
	}
	canonical, err := sdkCanonical(r, body, signed)
	if err != nil {
		return badCredentials("request cannot be verified")
	}
	wanted := simulator.HexHMAC(secret, strings.Join([]string{sdkScheme, date, simulator.HexSHA256([]byte(canonical))}, "\n"))
	if !hmac.Equal([]byte(claim["Signature"]), []byte(wanted)) {
		return badCredentials("verify aksk signature fail")
	}
	return nil
}

func badCredentials(detail string) *refusal {
	return gatewayError(http.StatusUnauthorized, "APIGW.0301",
		"Incorrect IAM authentication information: "+detail, simulator.RefusedAuth)
}

// sdkCanonical is the canonical request that the signature covers.
func sdkCanonical(r *http.Request, body []byte, signed []string) (string, error) {
	path, err := sdkPath(r.URL)
	if err != nil {
		return "", err
	}
	query, err := sdkQuery(r.URL)
	if err != nil {
		return "", err
	}
	payload, err := sdkPayload(r, body)
	if err != nil {
		return "", err
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
		r.Method, path, query, headers.String(), strings.Join(signed, ";"), payload,
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
		segments[i] = escapeRFC3986(plain)
	}
	return strings.Join(segments, "/") + "/", nil
}

// sdkQuery sorts the parameters by name and then by value.
func sdkQuery(u *url.URL) (string, error) {
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range slices.Sorted(slices.Values(parameters[name])) {
			pairs = append(pairs, escapeRFC3986(name)+"="+escapeRFC3986(value))
		}
	}
	return strings.Join(pairs, "&"), nil
}

// sdkPayload is the hash of the body. A client may state it itself, or state
// that it left the body out.
func sdkPayload(r *http.Request, body []byte) (string, error) {
	hash := simulator.HexSHA256(body)
	switch stated := r.Header.Get("X-Sdk-Content-Sha256"); stated {
	case "", hash:
		return hash, nil
	case unsignedPayload:
		return unsignedPayload, nil
	default:
		return "", fmt.Errorf("body: its hash is %s, not %s", hash, stated)
	}
}

// escapeRFC3986 escapes everything but the unreserved characters; a space is
// %20.
func escapeRFC3986(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
