package vendorapi

import (
	"net/http"

	"prefetch_exporter/prefetch"
)

// StatusReason is what the HTTP status of an error means where its text says
// nothing that is known. A status that judges the question or the credentials (400,
// 403, 404) is believed only from the vendor's API itself, which fromAPI says: from
// a proxy or a portal it means that the API was not reached.
func StatusReason(status int, fromAPI bool) prefetch.Reason {
	switch {
	case status == http.StatusUnauthorized:
		return prefetch.ReasonAuth
	case status == http.StatusTooManyRequests:
		return prefetch.ReasonThrottled
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		return prefetch.ReasonTimeout
	case status == http.StatusRequestURITooLong:
		// The one part of the address that a user can make too long is the
		// task's id.
		return prefetch.ReasonInvalid
	case status >= http.StatusInternalServerError, status < http.StatusBadRequest, !fromAPI:
		return prefetch.ReasonUnavailable
	case status == http.StatusForbidden:
		// What is left are refusals by policy, such as a missing permission.
		return prefetch.ReasonAuth
	case status == http.StatusNotFound:
		return prefetch.ReasonNotFound
	default:
		return prefetch.ReasonInvalid
	}
}
