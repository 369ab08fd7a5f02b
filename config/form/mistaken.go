package form

import (
	"regexp"
	"strings"
)

var (
	// variables are references as shells, templates and Windows write them.
	variables = regexp.MustCompile(`\$\{[A-Za-z_][^{}]*\}|\$\([^()]+\)|\{\{.+\}\}|^\$[A-Za-z_][A-Za-z0-9_]*$|^%[A-Za-z_][A-Za-z0-9_]*%$`)
	// fillers are what people write where a value is to come.
	fillers = regexp.MustCompile(`^[A-Z0-9]*EXAMPLE$|^<.*>$|` +
		`^(?i:change[-_ ]?me|replace[-_ ]?me|your[-_ ].*|placeholder|todo|x{3,}|\*{3,}|\.{3})$`)
)

// WarnMistaken warns of a secret that is what it is by mistake only. What it says is
// not shown: it may be a secret all the same.
func (v Value) WarnMistaken(secret string) {
	switch {
	case v.WarnVariable(secret):
	case fillers.MatchString(secret):
		v.Warnf("looks like the placeholder of an example")
	case strings.TrimSpace(secret) != secret:
		v.Warnf("begins or ends with a blank, which counts")
	}
}

// WarnVariable warns of a text that should have been another by now.
func (v Value) WarnVariable(text string) bool {
	found := variables.MatchString(text)
	if found {
		v.Warnf("looks like a variable that nothing filled in; none is expanded here")
	}
	return found
}
