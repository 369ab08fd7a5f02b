package tencentcloud

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/signing"
)

const (
	algorithm       = "TC3-HMAC-SHA256"
	headerTimestamp = "X-Tc-Timestamp"
	headerToken     = "X-Tc-Token" //nolint:gosec // the name of a header, not a token
	// contentType is signed, so that no charset may follow.
	contentType   = "application/json"
	signedHeaders = "content-type;host"
)

// Service is the vendor's name of a product, which signatures hold: "cdn" or "teo".
type Service string

// Sign puts a signature TC3-HMAC-SHA256 of now into req's Authorization header, as
// the page "Signature v3" (tencentcloud.com/document/product/213/33224) says: over
// the method, the Content-Type, the host, body and the service. It dates req. A
// token is sent beside the signature, which does not cover it.
//
// The vendor accepts a signature for 5 minutes around its date.
func (s Service) Sign(req *http.Request, body []byte, c vendorapi.Credentials, now time.Time) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set(headerTimestamp, timestamp)
	if c.Token != "" {
		req.Header.Set(headerToken, c.Token)
	}
	day := now.UTC().Format(time.DateOnly)
	scope := day + "/" + string(s) + "/tc3_request"
	canonical := strings.Join([]string{
		req.Method, "/", "",
		"content-type:" + req.Header.Get("Content-Type"),
		"host:" + strings.ToLower(req.URL.Host),
		"", signedHeaders, signing.SHA256(body),
	}, "\n")
	toSign := strings.Join([]string{algorithm, timestamp, scope, signing.SHA256([]byte(canonical))}, "\n")
	mac := signing.HMAC([]byte("TC3"+c.SecretKey), day, string(s), "tc3_request", toSign)
	req.Header.Set("Authorization", algorithm+" Credential="+c.AccessKey+"/"+scope+
		", SignedHeaders="+signedHeaders+", Signature="+hex.EncodeToString(mac))
}
