package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesAreRenderedBetweenScrapes scrapes once. What is listed then is
// rendered though nobody scrapes again.
func TestPagesAreRenderedBetweenScrapes(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	folder := t.TempDir()
	file := writeFile(t, filepath.Join(folder, "config.yaml"), config)
	p := serve(t, "--config.file="+file, "--storage.path="+filepath.Join(folder, "data"), "--web.enable-task-api", "--log.level=debug")
	p.eventually("the first task is answered", func() bool {
		return p.metric(`prefetch_task_settled{account="vod",provider="huaweicloud_vod",task="settled"}`) == "1"
	})
	rendered := func() int { return strings.Count(p.stderr.String(), "rendered ahead of the next scrape") }
	before := rendered()
	if status, body := p.send(http.MethodPut, "/api/v1/tasks/vod/another", `{}`); status != http.StatusCreated {
		t.Fatalf("PUT: %d %s", status, body)
	}
	p.eventually("the page is rendered without a scrape", func() bool { return rendered() > before })
}
