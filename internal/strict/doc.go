// Package strict reads what a user wrote, in YAML or JSON, as nodes with their
// lines, and says what of it cannot be meant: a second document, keys that are
// unknown or given twice, aliases, anchors and tags.
//
// It owns the words for that, and nothing of what the values mean.
package strict
