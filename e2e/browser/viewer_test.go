package browser_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"prefetch_exporter/e2e/internal/run"
)

// inView is a JavaScript expression: whether the first task is wholly in view.
const inView = `(() => {
  const box = document.querySelector('.tasks tbody th a').getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
})()`

// fitsAPhone looks at the list as who was just woken does: the worst task is on
// the first screen, and stays in view whatever is chosen.
func fitsAPhone(b *tab) {
	b.run(chromedp.EmulateViewport(phone, phoneHeight, chromedp.EmulateScale(2)))
	b.visit("/tasks")
	b.t.Logf("the first task is %v px from the top", eval[float64](b, "document.querySelector('.tasks tbody tr').getBoundingClientRect().top"))
	b.screen("status-phone.png")
	if !eval[bool](b, inView) {
		b.t.Error("the first task is not on the first screen")
	}
	for _, choose := range []func(){
		func() { b.click(".tabs a:nth-child(4)") },
		func() {
			b.run(chromedp.Click(".filters summary", chromedp.ByQuery), chromedp.WaitVisible("#text", chromedp.ByQuery),
				chromedp.SetValue("#account", "vod-demo", chromedp.ByQuery))
			b.click("form button")
		},
		func() { b.click(".clear") },
	} {
		choose()
		if scrolled := eval[float64](b, "scrollY"); !eval[bool](b, inView) || scrolled == 0 || !strings.HasSuffix(b.address(), "#tasks") {
			b.t.Errorf("%s is scrolled by %v px, and the first task is not in view", b.address(), scrolled)
		}
	}
	if got := eval[bool](b, "document.querySelector('.filters').open"); got {
		b.t.Error("the filters are not folded")
	}
	b.visit("/tasks/edge-demo/launch-with-failures")
	b.click(".tabs a:nth-child(2)")
	if got := b.address(); !strings.HasSuffix(got, "?status=failed#urls") || eval[float64](b, "scrollY") == 0 {
		b.t.Errorf("a status of URLs leads to the top of %s", got)
	}
}

// tellsLocalTime expects UTC, and the viewer's own time where there are scripts.
// Nothing is loaded for it.
func tellsLocalTime(b *tab) {
	b.run(emulation.SetTimezoneOverride("Asia/Shanghai"))
	local := regexp.MustCompile(`^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC \((\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d GMT\+8\)$`)
	for _, path := range []string{"/tasks", "/tasks/vod-demo/launch-done", "/runbooks/", "/config"} {
		b.visit(path)
		if n := eval[int](b, "document.images.length + document.querySelectorAll('link, iframe, object, embed, [src]').length"); n != 0 {
			b.t.Errorf("%s has %d elements that load something", path, n)
		}
		for _, text := range b.texts("main > p time.utc, dl time.utc") {
			if !local.MatchString(text) {
				b.t.Errorf("%s tells the time as %q", path, text)
			}
		}
	}
	b.visit("/tasks/vod-demo/launch-done")
	if n := len(b.texts("dl time.utc")); n < 4 {
		b.t.Errorf("only %d times are told", n)
	}
	// Eight hours apart, told on one day or on two.
	const apart = `(() => {
	  const [, utc, local] = document.querySelector('dl time.utc').innerText.match(/(\d\d):\d\d:\d\d UTC \((?:.*-\d\d )?(\d\d):/);
	  return (local - utc + 24) % 24;
	})()`
	if hours := eval[int](b, apart); hours != 8 {
		b.t.Errorf("the viewer's time is %d hours ahead", hours)
	}
	if title := eval[string](b, "document.querySelector('dl time[title]').title"); !strings.Contains(title, " UTC\n") || !strings.HasSuffix(title, " GMT+8") {
		b.t.Errorf("a title tells the time as %q", title)
	}
	// Midnight of the viewer is another day and has two digits.
	address := "/tasks/edge-demo/midnight"
	change(b, http.MethodPut, address, `{"created": "2026-11-21T16:00:05Z"}`, http.StatusCreated)
	b.visit(address)
	if got := b.texts("dl time.utc"); !slices.Contains(got, "2026-11-21 16:00:05 UTC (2026-11-22 00:00:05 GMT+8)") {
		b.t.Errorf("midnight is told as %q", got)
	}
	change(b, http.MethodDelete, address, "", http.StatusNoContent)
	for _, zone := range []string{"UTC", "Asia/Shanghai"} {
		b.run(emulation.SetTimezoneOverride(zone), emulation.SetScriptExecutionDisabled(zone != "UTC"))
		b.visit("/tasks")
		if got := b.texts("main > p time.utc"); len(got) != 1 || !strings.HasSuffix(got[0], " UTC") {
			b.t.Errorf("in UTC, and without scripts, the time is %q", got)
		}
	}
}

// showsTheConfiguration reads it as a page, on a phone too.
func showsTheConfiguration(b *tab) {
	b.resize(phone)
	b.visit("/tasks")
	b.click("nav a:last-child")
	if got := b.texts("h1"); b.address() != "/config" || !slices.Equal(got, []string{"Configuration"}) {
		b.t.Fatalf("%s is headed %q", b.address(), got)
	}
	text := b.texts("pre.config")
	if len(text) != 1 || !strings.Contains(text[0], "\n- name: vod-demo\n") && !strings.Contains(text[0], "\n  - name: vod-demo\n") ||
		!strings.Contains(text[0], "<secret>") {
		b.t.Errorf("it is %q", text)
	}
	if size := eval[string](b, "getComputedStyle(document.querySelector('pre.config code')).fontSize"); size < "12px" {
		b.t.Errorf("its letters are %s high", size)
	}
	b.picture("config-phone.png")
	// Whoever asks without naming HTML gets the text.
	plain, err := run.Get(b.t, b.root+"/config")
	if err != nil || strings.Contains(string(plain), "<html") || !strings.HasPrefix(strings.TrimSpace(text[0]), strings.SplitN(string(plain), "\n", 2)[0]) {
		b.t.Errorf("a program gets %q, %v", plain, err)
	}
}
