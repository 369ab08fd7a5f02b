package browser_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pictures is where docs/status_page.md gets its pictures from.
var pictures = flag.String("pictures", "", "folder to write screenshots to")

const (
	// elsewhere is a host name that leads to the loopback.
	elsewhere = "exporter.test"
	// browserTimeout bounds how long Chromium may take to start on a busy machine.
	browserTimeout = 2 * time.Minute
	// stepTimeout bounds each thing that a test does in a tab.
	stepTimeout = time.Minute

	desktop, phone      = 1280, 390
	height, phoneHeight = 900, 844
)

// chromium returns the browser's program. Where everything must be tested, its
// absence is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no Chromium on the PATH; scripts/deps installs it")
	}
	t.Skip("no Chromium on the PATH; scripts/deps installs it")
	return ""
}

// startBrowser starts a Chromium that ends with the test. It asks nobody for
// anything by itself.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.DisableGPU, chromedp.WSURLReadTimeout(browserTimeout),
		chromedp.Flag("no-first-run", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true),
		// A host that no browser takes for the machine itself, whose pages it trusts
		// without TLS.
		chromedp.Flag("host-resolver-rules", "MAP "+elsewhere+" 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Run(browser); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return browser
}

// tab is one of the browser's, for an exporter at root.
type tab struct {
	t    *testing.T
	ctx  context.Context
	root string

	mu sync.Mutex
	// complaints are what no page may cause: messages in the console, dialogs,
	// and requests to elsewhere.
	complaints []string
	requests   int
}

// openTab opens a tab. When the test ends, nothing may have been complained of.
func openTab(browser context.Context, t *testing.T, root string) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	b := &tab{t: t, ctx: ctx, root: root}
	chromedp.ListenTarget(ctx, b.listen)
	t.Cleanup(func() {
		closeTab()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, c := range b.complaints {
			t.Error(c)
		}
		if b.requests == 0 {
			t.Error("no request was seen: is anything watched?")
		}
	})
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), runtime.Enable(), page.Enable()); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.resize(desktop) //nolint:contextcheck // a tab has its own
	return b
}

func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests++
		if !strings.HasPrefix(e.Request.URL, b.root+"/") {
			b.complaints = append(b.complaints, "requested "+e.Request.URL)
		}
	case *log.EventEntryAdded:
		// The one request that Chromium makes by itself. That there is no icon
		// harms nobody.
		if !strings.HasSuffix(e.Entry.URL, "/favicon.ico") {
			b.complaints = append(b.complaints, fmt.Sprintf("logged %s at %s", e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "a script wrote to the console")
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, "threw "+e.ExceptionDetails.Error())
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "opened a dialog: "+e.Message)
	}
}

// run does things in the tab, one after the other.
func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("at %s: %v", b.root, err)
	}
}

func (b *tab) visit(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.root + path))
}

// click clicks what leads to another page, and waits for it.
func (b *tab) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTimeout)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(selector, chromedp.ByQuery)); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

// resize makes the window as wide as that, in CSS pixels.
func (b *tab) resize(width int64) {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(width, height))
}

func (b *tab) scheme(scheme string) {
	b.t.Helper()
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// eval returns what a JavaScript expression is in the page. It is evaluated by
// the debugger, which may what the page's policy forbids.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	var value T
	b.run(chromedp.Evaluate(expression, &value))
	return value
}

// address is where the tab is, without the exporter's root.
func (b *tab) address() string {
	b.t.Helper()
	var location string
	b.run(chromedp.Location(&location))
	return strings.TrimPrefix(location, b.root)
}

// texts are those of the elements that a selector finds.
func (b *tab) texts(selector string) []string {
	b.t.Helper()
	return eval[[]string](b, fmt.Sprintf("[...document.querySelectorAll(%q)].map(e => e.innerText)", selector))
}

// picture keeps a screenshot of the whole page if that was asked for.
func (b *tab) picture(name string) {
	b.t.Helper()
	var png []byte
	b.keep(name, chromedp.FullScreenshot(&png, 100), &png)
}

// screen keeps one of what is in view.
func (b *tab) screen(name string) {
	b.t.Helper()
	var png []byte
	b.keep(name, chromedp.CaptureScreenshot(&png), &png)
}

func (b *tab) keep(name string, capture chromedp.Action, png *[]byte) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	b.run(capture)
	if err := os.WriteFile(filepath.Join(*pictures, name), *png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
