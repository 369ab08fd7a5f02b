package cdnetworks

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
)

// scalar is a JSON value of which only the text counts. What is written for a list
// or an object no parser below takes for a value.
type scalar struct{ vendorapi.Text }

// maxSentences bounds how many texts of a list are read: an error shows about as
// many words.
const maxSentences = 10

// sentences is a scalar that may also be a list of them, which becomes one text.
type sentences struct{ scalar }

// UnmarshalJSON reads a value.
func (s *sentences) UnmarshalJSON(value []byte) error {
	if value[0] != '[' {
		return s.Text.UnmarshalJSON(value)
	}
	var texts []string
	decoder := json.NewDecoder(bytes.NewReader(value))
	_, _ = decoder.Token() // the bracket
	for len(texts) < maxSentences && decoder.More() {
		var one scalar
		_ = decoder.Decode(&one) // a part of what was valid JSON as a whole
		if text := one.value(); text != "" {
			texts = append(texts, text)
		}
	}
	s.Text = vendorapi.Text{Kind: '"', String: strings.Join(texts, "; ")}
	return nil
}

// value is the text without the space around it; empty where the vendor told
// nothing, be it null, "" or the word null.
func (s scalar) value() string {
	v := strings.TrimSpace(s.String)
	if strings.EqualFold(v, "null") {
		return ""
	}
	return v
}

// excerpt is the value, bounded for an error or a log.
func (s scalar) excerpt() string { return vendorapi.Excerpt([]byte(s.value())) }

// natural is the value as a whole number from 0. It reports false for
// everything else, and for numbers beyond 32 bits, which keeps arithmetic on
// pages from overflowing.
func (s scalar) natural() (int, bool) {
	f, err := strconv.ParseFloat(s.value(), 64)
	if err != nil || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}

// rate is the value as a share between 0 and 1, read from a percentage with or
// without its sign. It reports false for everything else.
func (s scalar) rate() (float64, bool) {
	const whole = 100
	number := strings.TrimSpace(strings.TrimSuffix(s.value(), "%"))
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(percent) || percent < 0 || percent > whole {
		return 0, false
	}
	return percent / whole, true
}

// timeLayouts are the forms in which a time is read: the documented one first,
// then what JSON libraries make of a time.
var timeLayouts = [...]string{timeLayout, time.RFC3339, "2006-01-02T15:04:05"}

// lastYear is where times end that a vendor may mean. Nanoseconds since 1970, in
// which the planner reckons, reach to 2262.
const lastYear = 2200

// time is the value as a time, in location where it has no offset of its own.
// It reports false for what is no time, for times at or before the Unix epoch,
// which databases print where they hold none, and for those of another age, which
// stand for "never".
func (s scalar) time(location *time.Location) (time.Time, bool) {
	v := s.value()
	for _, layout := range timeLayouts {
		t, err := time.ParseInLocation(layout, v, location)
		if err == nil {
			return t, t.Unix() > 0 && t.Year() < lastYear
		}
	}
	return time.Time{}, false
}
