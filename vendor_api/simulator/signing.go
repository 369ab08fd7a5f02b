package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// ParseSignature reads the form of the vendors' Authorization headers: a
// scheme, a space, and pairs of a name and a value with commas in between.
func ParseSignature(header, scheme string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(header, scheme+" ")
	if !ok {
		return nil, false
	}
	claim := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := claim[name]; !found || twice {
			return nil, false
		}
		claim[name] = value
	}
	return claim, true
}

// HexSHA256 is the hash of data in hexadecimal digits.
func HexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// HexHMAC is the HMAC-SHA256 of message in hexadecimal digits.
func HexHMAC(secret, message string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}

// EncodeJSON writes JSON as the vendors do: characters of HTML as they are. The
// values are structs of plain fields, which cannot fail to encode.
func EncodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return b.Bytes()
}
