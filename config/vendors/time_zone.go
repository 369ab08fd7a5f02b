package vendors

import (
	"regexp"
	"strconv"
	"time"

	"prefetch_exporter/config/form"
	"prefetch_exporter/internal/strict"
)

// The clocks of the world are between 12 hours behind and 14 hours ahead of
// GMT, and no zone is off by other than quarters of an hour.
const (
	// defaultTimeZone is what CDNetworks uses if it is not told a time zone
	// (https://documents.cdnetworks.com/document/api-doc/api-key-authentication), and
	// what the times of Tencent Cloud CDN fit.
	defaultTimeZone = "GMT+08:00"

	westernmost = -12 * time.Hour
	easternmost = 14 * time.Hour
	zoneStep    = 15 * time.Minute
)

var timeZoneForm = regexp.MustCompile(`^GMT([+-])(\d\d):([0-5]\d)$`)

// TimeZone is a fixed offset, whose name is the vendor's form of it.
type TimeZone struct{ *time.Location }

// MarshalText returns the name of the time zone.
func (z TimeZone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

func readTimeZone(v form.Value) TimeZone {
	name := defaultTimeZone
	if v.Given() {
		if name = v.Text(); name == "" {
			return TimeZone{}
		}
	}
	offset, ok := parseTimeZone(name)
	if !ok {
		v.Failf("%s is not a fixed offset such as GMT+08:00; names of zones are refused because their offset changes over the year",
			strict.Quote(name))
		return TimeZone{}
	}
	return TimeZone{time.FixedZone(name, int(offset/time.Second))}
}

func parseTimeZone(name string) (time.Duration, bool) {
	parts := timeZoneForm.FindStringSubmatch(name)
	if parts == nil {
		return 0, false
	}
	hours, _ := strconv.Atoi(parts[2]) // these are digits
	minutes, _ := strconv.Atoi(parts[3])
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if parts[1] == "-" {
		offset = -offset
	}
	return offset, offset >= westernmost && offset <= easternmost && offset%zoneStep == 0
}
