package vendorapi

import (
	"slices"

	"prefetch_exporter/internal/foreign"
)

// Redactor hides the secrets of an account in what an answer says: vendors name
// the access key that they refuse, and gateways show the request that they got.
//
// Only what is shown is changed, and only when it is known what it means: a
// secret that happens to be part of a code or of a URL must not change that.
type Redactor struct{ foreign.Redactor }

// Redactor returns one that knows secrets, and those of the client's proxy.
func (c *Client) Redactor(secrets ...string) Redactor {
	return Redactor{foreign.NewRedactor(slices.Concat(secrets, c.proxySecrets)...)}
}

// Excerpt returns the beginning of a vendor's text for an error or a log; see
// [foreign.Excerpt].
func Excerpt(text []byte) string { return foreign.Excerpt(text) }

// Error returns err without secrets, as an [*Error]. What errors.Is and
// errors.As find in it stays.
func (r Redactor) Error(err error) *Error {
	e := *AsError(err)
	e.Code, e.Message, e.RequestID = r.Hide(e.Code), r.Hide(e.Message), r.Hide(e.RequestID)
	if e.Err != nil {
		text := e.Err.Error()
		if shown := r.Hide(Excerpt([]byte(text))); shown != text {
			e.Err = &redactedError{text: shown, err: e.Err}
		}
	}
	return &e
}

// Answer returns a with nothing secret in its words for people. The URLs stay as
// the vendor told them: they are what rows are recognised by.
func (r Redactor) Answer(a Answer) Answer {
	a.RequestID = r.Hide(a.RequestID)
	for i := range a.URLs {
		a.URLs[i].Words = r.Hide(a.URLs[i].Words)
	}
	for id, err := range a.Refused {
		a.Refused[id] = r.Error(err)
	}
	for _, texts := range [][]string{a.UnknownWords, a.Oddities} {
		for i, text := range texts {
			texts[i] = r.Hide(text)
		}
	}
	return a
}

// redactedError is an error that says something else than it did.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }

func (e *redactedError) Unwrap() error { return e.err }
