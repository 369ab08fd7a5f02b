package vendorapi_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  vendorapi.Error
		want string
	}{
		{vendorapi.Error{Reason: prefetch.ReasonThrottled}, "throttled"},
		{
			vendorapi.Error{
				Reason: prefetch.ReasonThrottled, HTTPStatus: 429, Code: "APIGW.0308",
				Message: "policy user over ratelimit", RequestID: "4c3",
			},
			"throttled: HTTP 429: APIGW.0308: policy user over ratelimit (request id 4c3)",
		},
		{vendorapi.Error{Reason: prefetch.ReasonUnavailable, Err: io.EOF}, "unavailable: EOF"},
		{
			vendorapi.Error{Reason: prefetch.ReasonDecode, HTTPStatus: 200, Err: errors.New("a\nb\x1b[2J")},
			"decode: HTTP 200: a b[2J",
		},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
	long := &vendorapi.Error{Reason: prefetch.ReasonUnavailable, Err: errors.New(strings.Repeat("x", 1<<20))}
	if n := len(long.Error()); n > 400 {
		t.Errorf("an error of %d bytes", n)
	}
}

func TestErrorUnwraps(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("account vod: %w", &vendorapi.Error{Reason: prefetch.ReasonUnavailable, Err: io.ErrUnexpectedEOF})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is hidden")
	}
}

func TestAsError(t *testing.T) {
	t.Parallel()
	e := &vendorapi.Error{Reason: prefetch.ReasonAuth}
	if got := vendorapi.AsError(fmt.Errorf("wrapped: %w", e)); got != e {
		t.Errorf("got %v", got)
	}
	if got := vendorapi.AsError(io.EOF); got.Reason != prefetch.ReasonUnavailable || !errors.Is(got, io.EOF) {
		t.Errorf("got %v", got)
	}
	if got := vendorapi.AsError(nil); got != nil {
		t.Errorf("no error is %v", got)
	}
}

// A feature that a question did not use cannot have been refused.
func TestUsedBy(t *testing.T) {
	t.Parallel()
	now := time.Now()
	whole := vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: "a"}
	limited := vendorapi.Query{Kind: vendorapi.QueryWindow, From: now, To: now, PageSize: 10, Status: new(prefetch.Failed)}
	for feature, want := range map[vendorapi.Feature]struct{ whole, limited vendorapi.Feature }{
		vendorapi.FeaturePageSize:     {"", vendorapi.FeaturePageSize},
		vendorapi.FeatureStatusFilter: {"", vendorapi.FeatureStatusFilter},
		vendorapi.FeatureLookBack:     {"", vendorapi.FeatureLookBack},
		vendorapi.FeatureTaskAlone:    {vendorapi.FeatureTaskAlone, ""},
		"":                            {"", ""},
	} {
		if got := feature.UsedBy(&whole); got != want.whole {
			t.Errorf("%q of a whole task is %q", feature, got)
		}
		if got := feature.UsedBy(&limited); got != want.limited {
			t.Errorf("%q of a limited window is %q", feature, got)
		}
	}
}
