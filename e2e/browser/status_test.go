package browser_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/vendor_api/simulator"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// demoTasks is how many the demo watches.
const demoTasks = 20

// rowLink is what leads from the list to a task.
const rowLink = ".tasks tbody th a"

// TestStatusPages looks at the pages of one demo.
//
//nolint:tparallel // keys go to the one tab that is in front
func TestStatusPages(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	demo := run.Start(t, run.Exporter(t), "--demo", "--web.listen-address=127.0.0.1:0", "--web.enable-task-api")
	run.Eventually(t, time.Minute, "every task was answered", func() error { return answered(t, demo.URL) })

	for name, test := range map[string]func(*tab){ //nolint:paralleltest // as above
		"shows the demo":          showsTheDemo,
		"filters":                 filters,
		"is used by keyboard":     usedByKeyboard,
		"is read by its roles":    readByRoles,
		"is readable":             readable,
		"fits a phone":            fitsAPhone,
		"tells the viewer's time": tellsLocalTime,
		"shows the configuration": showsTheConfiguration,
	} {
		t.Run(name, func(t *testing.T) { test(openTab(browser, t, demo.URL)) })
	}
	// Last: it adds a task.
	t.Run("a hostile name", func(t *testing.T) {
		hostileName(openTab(browser, t, demo.URL)) //nolint:contextcheck // a tab has its own
	})
}

// answered returns nil when every task of the demo was.
func answered(t *testing.T, root string) error {
	t.Helper()
	body, err := run.Get(t, root+"/api/v1/tasks")
	if err != nil {
		return err
	}
	var tasks struct {
		Data []struct {
			Phase string `json:"phase"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &tasks); err != nil {
		return fmt.Errorf("%w in %s", err, body)
	}
	for _, task := range tasks.Data {
		if task.Phase == "pending" {
			return errors.New("a task is pending")
		}
	}
	if len(tasks.Data) != demoTasks {
		return fmt.Errorf("%d tasks", len(tasks.Data))
	}
	return nil
}

func showsTheDemo(b *tab) {
	b.visit("/")
	b.click("main a") // its first link
	if got := b.address(); got != "/tasks" {
		b.t.Fatalf("the landing page's first link leads to %s", got)
	}
	if got := len(b.texts(rowLink)); got != demoTasks {
		b.t.Errorf("%d tasks are listed", got)
	}
	if states := b.texts("table:not(.tasks) td:nth-child(2)"); !slices.Equal(states, slices.Repeat([]string{"answering"}, 4)) {
		b.t.Errorf("the accounts are %q", states)
	}
	// Failed URLs are trouble: they come first. What is warm is last.
	names := b.texts(rowLink)
	if last := names[len(names)-1]; last != "launch-done" {
		b.t.Errorf("the order is %q", names)
	}
	b.click("p.about a") // how many are in trouble
	if got, said := b.texts(rowLink), b.texts(".tabs a[aria-current]"); b.address() != "/tasks?trouble=1#tasks" ||
		!slices.Equal(said, []string{fmt.Sprint("in trouble ", len(got))}) || !slices.Contains(got, "launch-with-failures") {
		b.t.Errorf("%s lists %q under %q", b.address(), got, said)
	}
	for scheme, suffix := range map[string]string{"light": "", "dark": "-dark"} {
		b.scheme(scheme)
		b.visit("/tasks")
		b.picture("status-tasks" + suffix + ".png")
		b.visit("/tasks/edge-demo/launch-with-failures")
		b.picture("status-task" + suffix + ".png")
	}
	if h1 := b.texts("h1"); !slices.Equal(h1, []string{"launch-with-failures"}) {
		b.t.Errorf("the task's page is headed %q", h1)
	}
	if failed := b.texts("table tbody tr:first-child td:nth-child(2)"); !slices.Equal(failed, []string{"failed"}) {
		b.t.Errorf("the first URL is %q", failed)
	}
	b.click("#help ~ ul a")
	if got := b.address(); !strings.HasPrefix(got, "/runbooks/#prefetch") {
		b.t.Errorf("the advice leads to %s", got)
	}
	if n := eval[int](b, "document.querySelectorAll(':target').length"); n != 1 {
		b.t.Errorf("%d places on the page are the link's", n)
	}
}

func filters(b *tab) {
	b.visit("/tasks")
	b.run(chromedp.SetValue("#account", "vod-demo", chromedp.ByQuery), chromedp.SetValue("#sort", "task", chromedp.ByQuery),
		chromedp.SendKeys("#text", "SUCCEEDS", chromedp.ByQuery))
	b.click("form button")
	if got := b.address(); got != "/tasks?account=vod-demo&sort=task&text=SUCCEEDS#tasks" {
		b.t.Errorf("the form leads to %s", got)
	}
	if got := b.texts(rowLink); !slices.Equal(got, []string{"launch-succeeds"}) {
		b.t.Errorf("it lists %q", got)
	}
	if got := eval[string](b, "document.querySelector('#text').value + ' ' + document.querySelector('#account').value"); got != "SUCCEEDS vod-demo" {
		b.t.Errorf("the form forgot what it was asked: %q", got)
	}
	b.click(".clear")
	if got := b.address(); got != "/tasks?sort=task#tasks" {
		b.t.Errorf("without filters it is at %s", got)
	}
	if got := eval[string](b, "document.querySelector('th[aria-sort]').innerText + document.querySelector('th[aria-sort]').ariaSort"); got != "Task ▲ascending" {
		b.t.Errorf("sorted by %q", got)
	}
	b.click("th[aria-sort] a")
	names := b.texts(rowLink)
	if b.address() != "/tasks?desc=1&sort=task#tasks" || !slices.IsSortedFunc(names, func(x, y string) int { return strings.Compare(y, x) }) {
		b.t.Errorf("%s lists %q", b.address(), names)
	}
	b.visit("/tasks?refresh=5&text=nothing")
	if got := b.texts(".empty"); !slices.Equal(got, []string{"No task matches."}) {
		b.t.Errorf("an empty list says %q", got)
	}
}

// focused describes what has the focus, and "hidden" if nobody sees that.
const focused = `(() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const seen = style.outlineStyle !== 'none' && box.top >= 0 && box.left >= 0 && box.width > 0;
  return (e.id ? '#' + e.id : e.innerText.trim()) + (seen ? '' : ' hidden');
})()`

// tabs presses Tab until a task is reached, and returns what had the focus. All
// of that must be seen.
func tabs(b *tab) []string {
	var order []string
	for range 50 {
		b.run(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](b, focused))
		if strings.HasPrefix(order[len(order)-1], "launch-") {
			break
		}
	}
	b.t.Logf("Tab goes through %q", order)
	for _, name := range order {
		if strings.HasSuffix(name, " hidden") {
			b.t.Errorf("nobody sees that %s has the focus", name)
		}
	}
	return order
}

// usedByKeyboard goes through the page by Tab, as those do who use no mouse.
func usedByKeyboard(b *tab) {
	before := []string{"Skip to the content", "prefetch_exporter", "Tasks", "Runbooks", "Configuration", "JSON", "Accounts", "all 20", "lost 0"}
	form := []string{"#text", "#account", "#provider", "#phase", "#sort", "#desc", "#refresh", "Show"}
	for width, after := range map[int64][]string{
		phone:   {"Filter and order"},
		desktop: append(form, "Task", "Data age"),
	} {
		b.resize(width)
		b.visit("/tasks")
		order, at := tabs(b), -1
		for _, want := range slices.Concat(before, after) {
			next := slices.Index(order, want)
			if next <= at {
				b.t.Errorf("at %d, %q is not reached, or too early", width, want)
			}
			at = next
		}
		if width == phone && slices.Contains(order, "Task") {
			b.t.Errorf("at %d, Tab goes through columns that are not there", width)
		}
	}
	b.resize(desktop)
	b.visit("/tasks")
	tabs(b)
	b.run(chromedp.KeyEvent(kb.Enter))
	b.run(chromedp.WaitVisible("#facts", chromedp.ByQuery))
	if !strings.HasPrefix(b.address(), "/tasks/") {
		b.t.Errorf("Enter on a task led to %s", b.address())
	}
	// Type into the filter, and Enter.
	b.visit("/tasks")
	b.run(chromedp.Focus("#text", chromedp.ByQuery), chromedp.KeyEvent("stuck"), chromedp.KeyEvent(kb.Enter),
		chromedp.WaitVisible(".clear", chromedp.ByQuery))
	if b.address() != "/tasks?text=stuck#tasks" || len(b.texts(rowLink)) != 4 {
		b.t.Errorf("%s lists %q", b.address(), b.texts(rowLink))
	}
	// The first Tab and Enter leave the header behind.
	b.visit("/tasks")
	b.run(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	if got := eval[string](b, "document.activeElement.id"); got != "main" {
		b.t.Errorf("the skip link leads to %q", got)
	}
}

// readByRoles reads the pages as a screen reader does: by their accessibility
// tree, wide and narrow.
func readByRoles(b *tab) {
	for _, width := range []int64{desktop, phone} {
		b.resize(width)
		columns := 14
		if width == phone {
			columns = 0 // each cell has its name there
		}
		for path, want := range map[string]map[string]int{
			"/tasks": {
				"banner": 1, "main": 1, "navigation": 2, "search": 1, "region": 2, "table": 2, "columnheader": columns,
				"rowheader": demoTasks + 4, "progressbar": demoTasks, "searchbox": 1, "combobox": 5, "checkbox": 1, "button": 1,
			},
			"/tasks/edge-demo/launch-stuck": {
				"banner": 1, "main": 1, "navigation": 2, "form": 1, "region": 3, "table": 1, "progressbar": 1, "combobox": 1,
			},
		} {
			b.visit(path)
			if path == "/tasks" && width == phone {
				b.run(chromedp.Click(".filters summary", chromedp.ByQuery), chromedp.WaitVisible("#text", chromedp.ByQuery))
			}
			var nodes []*accessibility.Node
			b.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				nodes, err = accessibility.GetFullAXTree().Do(ctx)
				return err
			}))
			got := map[string]int{}
			for _, n := range nodes {
				role := text(n.Role)
				got[role]++
				if _, named := want[role]; named && text(n.Name) == "" && role != "banner" && role != "main" {
					b.t.Errorf("%s at %d: a %s has no name", path, width, role)
				}
			}
			for role, n := range want {
				if got[role] != n {
					b.t.Errorf("%s at %d: %d of role %s, want %d", path, width, got[role], role, n)
				}
			}
		}
	}
}

// text is a value of the accessibility tree, which has JSON strings.
func text(v *accessibility.Value) string {
	var s string
	if v == nil || json.Unmarshal([]byte(v.Value), &s) != nil {
		return ""
	}
	return s
}

// readable looks for what somebody could not read: too little contrast, text
// under other text, a page that is wider than its window.
func readable(b *tab) {
	for _, path := range []string{
		"/", "/tasks", "/tasks?text=nothing", "/tasks/edge-demo/launch-with-failures", "/tasks/vod-demo/launch-done", "/runbooks/#prefetchfailedurls", "/config",
	} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{desktop, phone} {
				b.resize(width)
				b.scheme(scheme)
				b.visit(path)
				got := eval[contrasts](b, unreadable)
				if got.Seen < 5 {
					b.t.Errorf("%s: only %d texts were looked at", path, got.Seen)
				}
				if len(got.Bad) > 0 {
					b.t.Errorf("%s, %s, %d: contrast under 4.5: %q", path, scheme, width, got.Bad)
				}
				if excess := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); excess > 0 {
					b.t.Errorf("%s is %d px wider than a window of %d", path, excess, width)
				}
			}
		}
	}
	b.scheme("light")
	b.visit("/tasks")
	if color := eval[string](b, "getComputedStyle(document.body).backgroundColor"); color != "rgb(255, 255, 255)" {
		b.t.Errorf("light is %s", color)
	}
	b.scheme("dark")
	if color := eval[string](b, "getComputedStyle(document.body).backgroundColor"); color != "rgb(13, 17, 23)" {
		b.t.Errorf("dark is %s", color)
	}
}

// change asks the task API, whose answer must be of this status.
func change(b *tab, method, address, body string, want int) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.root+"/api/v1"+address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := (&http.Client{}).Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != want {
		b.t.Fatalf("%s %s: %s", method, address, answer.Status)
	}
}

// hostileName puts a task whose name and labels try to become markup.
func hostileName(b *tab) {
	const (
		id    = `<script>alert("id")</script>"'><img src=x onerror=alert(1)>/..%2F`
		title = `</style><script>alert("title")</script>` + "\u202egpj.exe مرحبا"
	)
	body, err := json.Marshal(map[string]any{
		"labels": map[string]string{"title": title}, "urls": []string{`https://example.com/"><script>alert("url")</script>`},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	change(b, http.MethodPut, "/tasks/edge-demo/"+url.PathEscape(id), string(body), http.StatusCreated)
	b.visit("/tasks?text=" + url.QueryEscape("<SCRIPT>alert("))
	if got := b.texts(rowLink); !slices.Equal(got, []string{id}) {
		b.t.Errorf("it is listed as %q", got)
	}
	shown := strings.ReplaceAll(title, "\u202e", `\u202e`)
	if got := b.texts(".tasks tbody th .sub"); !slices.Equal(got, []string{shown}) {
		b.t.Errorf("its title is shown as %q", got)
	}
	b.click(rowLink)
	if got := b.texts("h1"); !slices.Equal(got, []string{id}) {
		b.t.Errorf("its page is headed %q", got)
	}
	if n := eval[int](b, "document.scripts.length + document.images.length"); n != 1 { // the page's own script
		b.t.Errorf("%d of its elements are on the page", n-1)
	}
	b.visit("/tasks?account=edge-demo&task=" + url.QueryEscape(id))
	if got := b.texts("h1"); !slices.Equal(got, []string{id}) {
		b.t.Errorf("an alert's link leads to %q", got)
	}
}

// TestManyTasks lists as many tasks as an account watches by default, from a
// file, and looks at the first and the last page.
func TestManyTasks(t *testing.T) {
	t.Parallel()
	const (
		tasks   = 5000
		secret  = "browser-secret"
		project = "0123456789abcdef0123456789abcdef"
	)
	vendor := httptest.NewServer(simhuaweicloud.New(simhuaweicloud.Options{
		Quota: simulator.Quota{Calls: 100, Per: time.Minute}, AccessKeys: map[string]string{"AKBROWSER": secret},
	}))
	t.Cleanup(vendor.Close)
	folder := t.TempDir()
	list := make([]map[string]any, 0, tasks)
	for i := range tasks {
		list = append(list, map[string]any{
			"account": "vod", "id": fmt.Sprintf("task-%04d", i), "labels": map[string]string{"title": fmt.Sprintf("Launch %d", i)},
		})
	}
	listing, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
accounts:
  - name: vod
    rate_limit: {calls: 50, per: 1m}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: AKBROWSER, secret_key: %s}
task_discovery: {files: [tasks.json]}
`, vendor.URL, project, secret)
	for name, content := range map[string]string{"tasks.json": string(listing), "config.yml": config} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := run.Start(t, run.Exporter(t), "--config.file="+filepath.Join(folder, "config.yml"), "--storage.path="+filepath.Join(folder, "data"),
		"--web.listen-address=127.0.0.1:0")
	watched := regexp.MustCompile(`>all <span class="number">5000</span>`)
	run.Eventually(t, time.Minute, "all tasks are watched", func() error {
		body, err := run.Get(t, p.URL+"/tasks")
		if err == nil && !watched.Match(body) {
			err = errors.New("not all of them")
		}
		return err
	})

	b := openTab(startBrowser(t), t, p.URL)
	begin := time.Now()
	b.visit("/tasks?sort=task")
	t.Logf("%d tasks: page 1 was there after %v", tasks, time.Since(begin).Round(time.Millisecond))
	if got := b.texts(rowLink); len(got) != 100 || got[0] != "task-0000" || got[99] != "task-0099" {
		t.Errorf("page 1 lists %d tasks", len(got))
	}
	if got := b.texts(".pager span"); !slices.Equal(got, []string{"1–100 of 5000, page 1 of 50"}) {
		t.Errorf("the pager says %q", got)
	}
	b.click(`.pager a[rel="next"]`)
	if got := b.texts(rowLink); b.address() != "/tasks?page=2&sort=task#tasks" || got[0] != "task-0100" {
		t.Errorf("the next page is %s with %s", b.address(), got[0])
	}
	b.visit("/tasks?page=50&sort=task")
	if got := b.texts(rowLink); len(got) != 100 || got[99] != "task-4999" {
		t.Errorf("the last page lists %d tasks", len(got))
	}
	b.visit("/tasks?text=" + url.QueryEscape("launch 4242"))
	if got := b.texts(rowLink); !slices.Equal(got, []string{"task-4242"}) {
		t.Errorf("the filter finds %q", got)
	}
}
