package prefetch

// Cause is why a URL failed, as far as its vendor tells: the `cause` label. The zero
// value is [CauseUnknown].
type Cause uint8

// The causes of a failure.
const (
	// CauseUnknown: the vendor does not say, or in words that nobody knows.
	CauseUnknown Cause = iota
	// CauseOrigin: the origin did not answer, or with an error.
	CauseOrigin
	// CauseVendor: something within the vendor's network, or its limits.
	CauseVendor

	// NumCauses is how many causes there are; see [AllCauses].
	NumCauses = int(CauseVendor) + 1
)

var causeNames = [NumCauses]string{"unknown", "origin", "vendor"}

// AllCauses returns every cause, in the order in which people are told of them.
func AllCauses() []Cause { return []Cause{CauseOrigin, CauseVendor, CauseUnknown} }

// Causes is how many failed URLs have each cause, indexed by [Cause].
type Causes [NumCauses]int

// CountCauses counts the failed ones of urls by their cause.
func CountCauses(urls []URL) (c Causes) {
	for i := range urls {
		if urls[i].Status == Failed {
			c[urls[i].Cause]++
		}
	}
	return c
}

// String returns the value of the `cause` label, such as "origin".
func (c Cause) String() string { return nameOf(c, causeNames[:]) }

// MarshalText returns the same word as [Cause.String].
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what [Cause.MarshalText] wrote.
func (c *Cause) UnmarshalText(text []byte) error { return readName(c, text, causeNames[:], exactly) }
