package alibabacloud

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the vendor's older signature is HMAC-SHA1
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"prefetch_exporter/vendor_api/simulator"
)

const (
	// skew is how far a request's time may be off. A nonce may not come again while
	// a request with it could be accepted.
	skew = 15 * time.Minute

	acs3     = "ACS3-HMAC-SHA256"
	timeForm = "2006-01-02T15:04:05Z"
)

// signed is what a request says of itself, in either of the two signatures.
type signed struct {
	accessKey, token, nonce, date string
	action, version               string
	// parameters are the call's own.
	parameters url.Values
	// complete reports whether everything that must be signed is, and signature
	// makes the right one of a secret.
	complete  bool
	claimed   string
	signature func(secret string) string
}

// readSigned reads a request in the form ACS3, where all is in headers, or in the RPC
// form, where all is parameters.
func readSigned(r *http.Request, body []byte) *signed {
	parameters := r.URL.Query()
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err == nil {
			for name, values := range form {
				parameters[name] = append(parameters[name], values...)
			}
		}
	}
	if authorization := r.Header.Get("Authorization"); strings.HasPrefix(authorization, acs3+" ") {
		return readACS3(r, body, authorization, parameters)
	}
	return readRPC(r, parameters)
}

// readACS3 reads the headers of ACS3-HMAC-SHA256. The host, the type of a content that
// has one, and every header x-acs must be signed.
func readACS3(r *http.Request, body []byte, authorization string, parameters url.Values) *signed {
	claim, ok := simulator.ParseSignature(authorization, acs3)
	names := strings.Split(claim["SignedHeaders"], ";")
	must := []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
	for name := range r.Header {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-acs-") {
			must = append(must, name)
		}
	}
	for _, name := range must {
		ok = ok && slices.Contains(names, name)
	}
	token := r.Header.Get("X-Acs-Security-Token")
	if token != "" {
		ok = ok && r.Header.Get("X-Acs-Accesskey-Id") == claim["Credential"]
	}
	return &signed{
		accessKey: claim["Credential"], token: token,
		nonce: r.Header.Get("X-Acs-Signature-Nonce"), date: r.Header.Get("X-Acs-Date"),
		action: r.Header.Get("X-Acs-Action"), version: r.Header.Get("X-Acs-Version"), parameters: parameters,
		complete: ok && slices.IsSorted(names) && r.Header.Get("X-Acs-Content-Sha256") == simulator.HexSHA256(body),
		claimed:  claim["Signature"],
		signature: func(secret string) string {
			var headers strings.Builder
			for _, name := range names {
				value := r.Header.Get(name)
				if name == "host" {
					value = r.Host
				}
				headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
			}
			canonical := strings.Join([]string{
				r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query()), headers.String(), claim["SignedHeaders"],
				simulator.HexSHA256(body),
			}, "\n")
			return simulator.HexHMAC(secret, acs3+"\n"+simulator.HexSHA256([]byte(canonical)))
		},
	}
}

// readRPC reads the parameters of the older form, all of which are signed but for the
// signature itself.
func readRPC(r *http.Request, parameters url.Values) *signed {
	all := url.Values{}
	for name, values := range parameters {
		if name != "Signature" {
			all[name] = values
		}
	}
	return &signed{
		accessKey: parameters.Get("AccessKeyId"), token: parameters.Get("SecurityToken"),
		nonce: parameters.Get("SignatureNonce"), date: parameters.Get("Timestamp"),
		action: parameters.Get("Action"), version: parameters.Get("Version"), parameters: parameters,
		complete: parameters.Get("SignatureMethod") == "HMAC-SHA1" && parameters.Get("SignatureVersion") == "1.0",
		claimed:  parameters.Get("Signature"),
		signature: func(secret string) string {
			mac := hmac.New(sha1.New, []byte(secret+"&"))
			mac.Write([]byte(r.Method + "&%2F&" + escape(canonicalQuery(all))))
			return base64.StdEncoding.EncodeToString(mac.Sum(nil))
		},
	}
}

// canonicalQuery is what both forms sign of parameters: what they mean, however they
// were written on the wire.
func canonicalQuery(values url.Values) string {
	var pairs []string
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range values[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// escape is RFC 3986's encoding, had from the library's other one.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// authenticate returns what is wrong with who asks; nil if nothing is.
func (s *Server) authenticate(q *signed, now time.Time) *refusal {
	if q.accessKey == "" || q.nonce == "" || q.claimed == "" {
		return denied(http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	secret, ok := s.options.AccessKeys[q.accessKey]
	if !ok {
		return denied(http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	switch sent, err := time.Parse(timeForm, q.date); {
	case err != nil:
		return denied(http.StatusBadRequest, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	case now.Sub(sent).Abs() > skew:
		return denied(http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	if token := s.options.SecurityTokens[q.accessKey]; token != q.token {
		return denied(http.StatusBadRequest, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
	}
	switch {
	case !q.complete:
		return denied(http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	case !hmac.Equal([]byte(q.signature(secret)), []byte(q.claimed)):
		return denied(http.StatusBadRequest, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
	case !s.nonces.first(q.accessKey+" "+q.nonce, now):
		return denied(http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return nil
}

func denied(status int, code, message string) *refusal {
	return &refusal{status: status, code: code, message: message, reason: simulator.RefusedAuth}
}

// nonces remembers those of the requests that could be sent again.
type nonces struct {
	mu   sync.Mutex
	seen map[string]time.Time
	// swept is when those were forgotten that are too old.
	swept time.Time
}

// first reports whether a nonce was not used lately, and remembers it.
func (n *nonces) first(nonce string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.swept) > skew {
		for old, at := range n.seen {
			if now.Sub(at) > 2*skew {
				delete(n.seen, old)
			}
		}
		n.swept = now
	}
	if _, used := n.seen[nonce]; used {
		return false
	}
	n.seen[nonce] = now
	return true
}
