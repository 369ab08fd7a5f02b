// Package runbooks renders the alerts' runbooks, and knows which of their sections
// can be linked to. It must not know alerts, tasks or where the page is served.
package runbooks

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensionast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Book is runbooks as a page, and the anchors in it.
type Book struct {
	// Page is the page without what stands around it.
	Page    template.HTML
	anchors map[string]bool
}

// Render renders Markdown without raw HTML. Headings get their name in
// lower case for an anchor. In a section that is an alert's, an item of a list
// that begins with a name, such as "- CDNetworks: …", gets the section's anchor
// and the name: the anchor of what the section says of one vendor.
func Render(markdown string) (Book, error) {
	source := []byte(markdown)
	md := goldmark.New(
		goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	)
	document := md.Parser().Parse(text.NewReader(source))
	book := Book{anchors: map[string]bool{}}
	if err := book.name(document, source); err != nil {
		return Book{}, err
	}
	var page bytes.Buffer
	if err := md.Renderer().Render(&page, source, document); err != nil {
		return Book{}, fmt.Errorf("render: %w", err)
	}
	book.Page = template.HTML(page.String()) //nolint:gosec // goldmark escapes, and leaves raw HTML and unsafe links out
	return book, nil
}

// name gives headings' cells their scope and finds or makes the anchors.
func (b *Book) name(document ast.Node, source []byte) error {
	section := ""
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			if id, ok := n.AttributeString("id"); ok {
				section = string(id.([]byte)) //nolint:forcetypeassert // goldmark's own
				b.anchors[section] = true
			}
		case *ast.ListItem:
			if vendor := itemName(n, source); section != "" && vendor != "" && !b.anchors[section+"-"+vendor] {
				b.anchors[section+"-"+vendor] = true
				n.SetAttributeString("id", []byte(section+"-"+vendor))
			}
		case *extensionast.TableHeader:
			for cell := n.FirstChild(); cell != nil; cell = cell.NextSibling() {
				cell.SetAttributeString("scope", []byte("col"))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return fmt.Errorf("find anchors: %w", err)
	}
	return nil
}

// itemName is the name that a list's item begins with, in the form of [plain].
func itemName(item *ast.ListItem, source []byte) string {
	first := item.FirstChild()
	if first == nil || first.Lines().Len() == 0 {
		return ""
	}
	line := first.Lines().At(0)
	name, _, found := strings.Cut(string(line.Value(source)), ":")
	if !found || strings.ContainsAny(name, "`*[.") {
		return ""
	}
	return plain(name)
}

// plain makes "Huawei Cloud VOD" and "huaweicloud_vod" the same.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// Link leads to a section, to its part on the provider if there is one; empty
// if there is no such section.
func (b *Book) Link(root, section, provider string) string {
	if !b.anchors[section] {
		return ""
	}
	// "Huawei Cloud" is said of all its services.
	for name := plain(provider); name != ""; name = name[:len(name)-1] {
		if b.anchors[section+"-"+name] {
			section += "-" + name
			break
		}
	}
	return root + "runbooks/#" + section
}
