package cdnetworks

import (
	"bytes"
	"encoding/json"
	"strings"

	vendorapi "prefetch_exporter/vendor_api"
)

// maxSentences bounds how many texts of a list are read: an error shows about as
// many words.
const maxSentences = 10

// sentences is a vendorapi.Text that may also be a list of them, which becomes one text.
type sentences struct{ vendorapi.Text }

// UnmarshalJSON reads a value.
func (s *sentences) UnmarshalJSON(value []byte) error {
	if value[0] != '[' {
		return s.Text.UnmarshalJSON(value)
	}
	var texts []string
	decoder := json.NewDecoder(bytes.NewReader(value))
	_, _ = decoder.Token() // the bracket
	for len(texts) < maxSentences && decoder.More() {
		var one vendorapi.Text
		_ = decoder.Decode(&one) // a part of what was valid JSON as a whole
		if text := one.Value(); text != "" {
			texts = append(texts, text)
		}
	}
	s.Text = vendorapi.Text{Kind: '"', String: strings.Join(texts, "; ")}
	return nil
}
