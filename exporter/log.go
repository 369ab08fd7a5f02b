package exporter

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"prefetch_exporter/config/form"
)

// maxLogged is how many errors are logged of those that came together.
const maxLogged = 20

// LogError logs an error. What tells of several, as that of a configuration does,
// is a line for each after the first: line breaks inside of one are shown as \n.
func LogError(log *slog.Logger, msg string, err error, args ...any) {
	parts := separate(err)
	if _, config := errors.AsType[form.Error](err); len(parts) == 1 && !config {
		log.Error(msg, append(args, "err", oneLine(err))...) //nolint:sloglint // each caller's is a constant
		return
	}
	log.Error(msg, append(args, "errors", len(parts))...) //nolint:sloglint // likewise
	for i, part := range parts {
		if i == maxLogged {
			log.Error("there are more errors; --config.check tells all", "errors", len(parts)-i)
			return
		}
		if p, ok := errors.AsType[form.Error](part); ok {
			log.Error("the configuration has an error", "place", fmt.Sprintf("%s:%d", p.File, p.Line), "field", p.Field, "err", p.Message)
			continue
		}
		log.Error("one of the errors", "err", oneLine(part))
	}
}

// separate returns the errors that err is no more than the lines of.
func separate(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var lines []string
	var parts []error
	for _, part := range joined.Unwrap() {
		lines = append(lines, part.Error())
		parts = append(parts, separate(part)...)
	}
	if strings.Join(lines, "\n") != err.Error() {
		return []error{err}
	}
	return parts
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
