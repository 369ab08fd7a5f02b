package docs_test

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLinks follows every link to a file or a heading of this repository, and looks
// at the form of those that lead elsewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := pages(t)
	byPath := map[string]page{}
	for _, p := range all {
		byPath[p.path] = p
	}
	files, headings, external := 0, 0, 0
	for _, p := range all {
		for _, link := range p.links() {
			address, err := url.Parse(link)
			if err != nil || link == "" {
				t.Errorf("%s: %q is no link: %v", p.path, link, err)
				continue
			}
			if address.Scheme != "" || address.Host != "" {
				external++
				if message := elsewhere(address); message != "" {
					t.Errorf("%s: %s: %s", p.path, link, message)
				}
				continue
			}
			target := p.path
			if address.Path != "" {
				files++
				target = path.Join(path.Dir(p.path), address.Path)
				if _, err := os.Stat(filepath.Join(repository, target)); err != nil || strings.HasPrefix(target, "..") {
					t.Errorf("%s: %s: there is no %s", p.path, link, target)
					continue
				}
			}
			if address.Fragment != "" {
				headings++
				to, isPage := byPath[target]
				if !isPage || !slices.Contains(to.anchors(), address.Fragment) {
					t.Errorf("%s: %s: %s has no such heading", p.path, link, target)
				}
			}
		}
	}
	t.Logf("%d pages: %d links to files, %d of all links to a heading, %d links elsewhere (form only)", len(all), files, headings, external)
}

// elsewhere returns what is wrong with a link that leads out of the repository.
func elsewhere(address *url.URL) string {
	local := address.Hostname() == "localhost"
	switch {
	case address.Scheme != "https" && (address.Scheme != "http" || !local):
		return "is not https"
	case !local && !strings.Contains(address.Host, "."):
		return "has no host"
	case address.User != nil:
		return "has a user"
	}
	return ""
}

// TestRunbooksOfAlerts finds the runbook of every alert, which links say by its
// name in lower case.
func TestRunbooksOfAlerts(t *testing.T) {
	t.Parallel()
	anchors := parse("alerts/runbooks.md", read(t, "../alerts/runbooks.md")).anchors()
	alerts := regexp.MustCompile(`(?m)^ *- alert: (\w+)$`).FindAllStringSubmatch(read(t, "../alerts/prefetch_rules.yml"), -1)
	if len(alerts) == 0 {
		t.Fatal("no alerts were found")
	}
	for _, alert := range alerts {
		if !slices.Contains(anchors, strings.ToLower(alert[1])) {
			t.Errorf("%s has no runbook", alert[1])
		}
	}
	t.Logf("%d runbooks", len(alerts))
}

// TestIndex says that docs/README.md leads to every page, and the README to it.
func TestIndex(t *testing.T) {
	t.Parallel()
	index := parse("docs/README.md", read(t, "README.md")).links()
	for i, link := range index {
		index[i], _, _ = strings.Cut(link, "#")
	}
	for _, p := range pages(t) {
		name, found := strings.CutPrefix(p.path, "docs/")
		if found && name != "README.md" && !strings.HasPrefix(name, "decisions/0") && !slices.Contains(index, name) {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
	if !slices.Contains(parse("README.md", read(t, "../README.md")).links(), "docs/README.md") {
		t.Error("README.md does not lead to docs/README.md")
	}
}
