package vendorapi

import (
	"fmt"
	"time"
)

// Skew is the cause of a refusal if a request was dated further off the vendor's
// clock than that allows; nil if it was not, or if the vendor did not tell its time.
// Vendors say of such a request that its user or signature is invalid.
func Skew(dated, vendor time.Time, allowed time.Duration) error {
	off := dated.Sub(vendor)
	switch {
	case vendor.IsZero() || off.Abs() <= allowed:
		return nil
	case off < 0:
		return fmt.Errorf("the clock here is %v behind the vendor's, which allows %v", -off, allowed)
	default:
		return fmt.Errorf("the clock here is %v ahead of the vendor's, which allows %v", off, allowed)
	}
}
