package alerts

import _ "embed"

//go:embed runbooks.md
var runbooks string

// Runbooks returns the text of the alerts' runbooks, in Markdown. Each alert has
// a second-level heading that is its name; the anchor in its runbook_url is that
// name in lower case.
func Runbooks() string { return runbooks }
