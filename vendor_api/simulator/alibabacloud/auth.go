package alibabacloud

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
			canonical := strings.Join([]string{
				r.Method, r.URL.EscapedPath(), simulator.SortedQuery(r.URL.Query()),
				simulator.SignedHeaders(r, names, strings.TrimSpace), claim["SignedHeaders"], simulator.HexSHA256(body),
			}, "\n")
			return simulator.HexHMAC(secret, acs3+"\n"+simulator.HexSHA256([]byte(canonical)))
		},
	}
}

// readRPC reads the parameters of the older form, all of which are signed but for the
// signature itself.
func readRPC(r *http.Request, parameters url.Values) *signed {
	all := maps.Clone(parameters)
	all.Del("Signature")
	return &signed{
		accessKey: parameters.Get("AccessKeyId"), token: parameters.Get("SecurityToken"),
		nonce: parameters.Get("SignatureNonce"), date: parameters.Get("Timestamp"),
		action: parameters.Get("Action"), version: parameters.Get("Version"), parameters: parameters,
		complete: parameters.Get("SignatureMethod") == "HMAC-SHA1" && parameters.Get("SignatureVersion") == "1.0",
		claimed:  parameters.Get("Signature"),
		signature: func(secret string) string {
			return simulator.Base64HMACSHA1(secret+"&", r.Method+"&%2F&"+simulator.Escape(simulator.SortedQuery(all)))
		},
	}
}

// authenticate returns what is wrong with who asks; nil if nothing is.
func (s *Server) authenticate(q *signed, now time.Time) *simulator.Refusal {
	if q.accessKey == "" || q.nonce == "" || q.claimed == "" {
		return simulator.Denied(http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	secret, ok := s.options.AccessKeys[q.accessKey]
	if !ok {
		return simulator.Denied(http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	}
	switch sent, err := time.Parse(timeForm, q.date); {
	case err != nil:
		return simulator.Denied(http.StatusBadRequest, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	case now.Sub(sent).Abs() > skew:
		return simulator.Denied(http.StatusBadRequest, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	if token := s.options.SecurityTokens[q.accessKey]; token != q.token {
		return simulator.Denied(http.StatusBadRequest, "InvalidSecurityToken.MismatchWithAccessKey",
			"Specified SecurityToken mismatch with the AccessKey.")
	}
	switch {
	case !q.complete:
		return simulator.Denied(http.StatusBadRequest, "IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	case q.signature(secret) != q.claimed:
		return simulator.Denied(http.StatusBadRequest, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation.")
	case !s.nonces.First(q.accessKey+" "+q.nonce, now):
		return simulator.Denied(http.StatusBadRequest, "SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return nil
}
