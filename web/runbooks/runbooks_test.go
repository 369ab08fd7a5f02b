package runbooks_test

import (
	"strings"
	"testing"

	"prefetch_exporter/web/runbooks"
)

const text = "# Ours\n\n- Early: no section\n\n## PrefetchTasksLost\n\n- Huawei Cloud: *ask*\n- Huawei Cloud: twice\n" +
	"- `code`: x\n- no name\n-\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>x</script>\n[y](javascript:z)\n"

// A link leads to the part of a section that is on the provider, if there is one,
// and nowhere if there is no such section.
func TestLink(t *testing.T) {
	t.Parallel()
	book, err := runbooks.Render(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ section, provider, want string }{
		{"prefetchtaskslost", "huaweicloud_vod", "../runbooks/#prefetchtaskslost-huaweicloud"},
		{"prefetchtaskslost", "Huawei Cloud", "../runbooks/#prefetchtaskslost-huaweicloud"},
		{"prefetchtaskslost", "cdnetworks", "../runbooks/#prefetchtaskslost"},
		{"prefetchtaskslost", "", "../runbooks/#prefetchtaskslost"},
		{"prefetchtaskstuck", "cdnetworks", ""},
	} {
		if got := book.Link("../", c.section, c.provider); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.section, c.provider, got, c.want)
		}
	}
}

// What a link leads to is on the page, once, and nothing that a browser would run.
func TestRender(t *testing.T) {
	t.Parallel()
	book, err := runbooks.Render(text)
	if err != nil {
		t.Fatal(err)
	}
	page := string(book.Page)
	for _, want := range []string{`<h2 id="prefetchtaskslost">`, `<li id="prefetchtaskslost-huaweicloud">`, `<th scope="col">a</th>`} {
		if strings.Count(page, want) != 1 {
			t.Errorf("%s is not once on the page:\n%s", want, page)
		}
	}
	for _, unwanted := range []string{"<script", "javascript:"} {
		if strings.Contains(page, unwanted) {
			t.Errorf("%s is on the page:\n%s", unwanted, page)
		}
	}
}
