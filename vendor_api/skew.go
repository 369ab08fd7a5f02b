package vendorapi

import (
	"fmt"
	"time"
)

// Skew is the cause of a refusal if the request was dated further off the vendor's
// clock than that allows. Vendors say of such a request that its user or signature is
// invalid. Where the vendor's clock does not show it, the cause is what the vendor said
// of the date; nil if nothing.
func (x *Exchange) Skew(allowed time.Duration, said error) error {
	off := x.Dated.Sub(x.Response.Date)
	switch {
	case x.Response.Date.IsZero() || off.Abs() <= allowed:
		return said
	case off < 0:
		return fmt.Errorf("the clock here is %v behind the vendor's, which allows %v", -off, allowed)
	default:
		return fmt.Errorf("the clock here is %v ahead of the vendor's, which allows %v", off, allowed)
	}
}
