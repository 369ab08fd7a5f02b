package form

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/internal/strict"
	"prefetch_exporter/prefetch"
)

// WholeDocument is the field of a problem that no key has.
const WholeDocument = "document"

// Document parses data and returns its root, or nil after it reported why there
// is none. The tree that it returns holds no aliases, anchors or tags.
func (r *Reader) Document(data []byte) *yaml.Node {
	root, wrong := strict.Document(data)
	switch {
	case wrong != nil:
		r.Failf(wrong.Line, wrong.Key, "%s", wrong.Message)
		return nil
	case root == nil:
		r.Failf(1, WholeDocument, "is empty")
		return nil
	}
	before := len(r.Errs)
	r.refuseIndirection(root, "")
	if len(r.Errs) > before {
		return nil
	}
	return root
}

// refuseIndirection reports what in a value is an alias, an anchor or a tag.
func (r *Reader) refuseIndirection(node *yaml.Node, field string) {
	if what := strict.Indirect(node); what != "" {
		r.Failf(node.Line, field, "%s", what)
	}
	for i, child := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			r.refuseIndirection(child, fmt.Sprintf("%s[%d]", field, i))
		case i%2 == 0: // a key
			r.refuseIndirection(child, field)
		default:
			r.refuseIndirection(child, Join(field, prefetch.ShownKey(node.Content[i-1].Value)))
		}
	}
}
