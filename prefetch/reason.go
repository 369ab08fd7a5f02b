package prefetch

// Reason is why a vendor call failed: the `reason` label of the failure
// metrics. The empty reason means that it did not fail.
type Reason string

// The reasons. Each error is classified once, where it arises.
const (
	// ReasonAuth: the vendor refused the credentials or the signature.
	ReasonAuth Reason = "auth"
	// ReasonThrottled: the vendor says that there were too many calls.
	ReasonThrottled Reason = "throttled"
	// ReasonInvalid: the vendor refused the question.
	ReasonInvalid Reason = "invalid"
	// ReasonNotFound: the vendor does not know the task.
	ReasonNotFound Reason = "not_found"
	// ReasonTimeout: no answer came in time.
	ReasonTimeout Reason = "timeout"
	// ReasonUnavailable: the network or the vendor failed.
	ReasonUnavailable Reason = "unavailable"
	// ReasonDecode: the answer could not be read.
	ReasonDecode Reason = "decode"
)

// Reasons returns every reason a call can fail for, in a fixed order.
func Reasons() [7]Reason {
	return [7]Reason{
		ReasonAuth, ReasonThrottled, ReasonInvalid, ReasonNotFound,
		ReasonTimeout, ReasonUnavailable, ReasonDecode,
	}
}

// ConcernsTask reports whether the failure says something of the task that was
// asked for. All other failures concern the account: the next call would fail
// the same way whatever it asked.
func (r Reason) ConcernsTask() bool {
	switch r {
	case ReasonNotFound, ReasonInvalid, ReasonDecode:
		return true
	default:
		return false
	}
}
