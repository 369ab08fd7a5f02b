package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// wholeDocument is the field of a problem that no key has.
const wholeDocument = "document"

// document parses data and returns its root, or nil after it reported why there
// is none. The tree that it returns holds no aliases, anchors or tags.
func (r *reader) document(data []byte) *yaml.Node {
	root, wrong := strict.Document(data)
	switch {
	case wrong != nil:
		r.failf(wrong.Line, wrong.Key, "%s", wrong.Message)
		return nil
	case root == nil:
		r.failf(1, wholeDocument, "is empty")
		return nil
	}
	before := len(r.errs)
	r.refuseIndirection(root, "")
	if len(r.errs) > before {
		return nil
	}
	return root
}

// refuseIndirection reports what in a value is an alias, an anchor or a tag.
func (r *reader) refuseIndirection(node *yaml.Node, field string) {
	if what := strict.Indirect(node); what != "" {
		r.failf(node.Line, field, "%s", what)
	}
	for i, child := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			r.refuseIndirection(child, fmt.Sprintf("%s[%d]", field, i))
		case i%2 == 0: // a key
			r.refuseIndirection(child, field)
		default:
			r.refuseIndirection(child, join(field, prefetch.ShownKey(node.Content[i-1].Value)))
		}
	}
}
