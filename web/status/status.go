package status

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	"prefetch_exporter/web/runbooks"
	"prefetch_exporter/web/words"
)

var (
	//go:embed style.css
	style string
	//go:embed local.js
	script string
	//go:embed templates/*.html
	templates embed.FS
)

// Options are what the pages need. Snapshot must be set.
type Options struct {
	// Snapshot returns what is known now.
	Snapshot func() prefetch.Snapshot
	// Runbooks is the text of the alerts' runbooks, in Markdown. The pages link
	// to those of its sections that are there.
	Runbooks string
	// Retry offers to end the pause of an account after failures, by a POST to
	// -/retry below the exporter's root.
	Retry bool
	// Group tells of the replicas that share a store; nil where it is not shared.
	Group func() prefetch.Group
	// Now is the clock; nil for the machine's.
	Now func() time.Time
}

// Pages are the handlers of the pages. Each answers GET and HEAD.
type Pages struct {
	options  Options
	runbooks runbooks.Book
	pages    *template.Template
	policy   string
}

// New prepares the pages. An error says what of the runbooks cannot be shown.
func New(o Options) (*Pages, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	book, err := runbooks.Render(o.Runbooks)
	if err != nil {
		return nil, fmt.Errorf("runbooks: %w", err)
	}
	pages, err := template.New("pages").ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return &Pages{
		options: o, runbooks: book, pages: pages,
		policy: "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'" +
			"; style-src " + Hash(style) + "; script-src " + Hash(script),
	}, nil
}

// Hash is how a policy of a page's content names an inline text that it allows.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// shell is what every page has around its content.
type shell struct {
	Title string
	// Root leads from the page to the exporter's root.
	Root string
	// Here is the entry of the navigation that the page belongs to.
	Here string
	// Refresh is after how many seconds the page loads itself again; 0 for never.
	Refresh int
	// Posts: the page may have forms that post. Without a referrer a browser would
	// not say where they come from either, and over plain HTTP, where it says
	// nothing else, they would be taken for another site's.
	Posts   bool
	Style   template.CSS
	Script  template.JS
	Content any
}

// write answers with a page: what a template makes of its content.
func (p *Pages) write(w http.ResponseWriter, status int, name string, page shell) {
	page.Posts = p.options.Retry
	page.Style, page.Script = template.CSS(style), template.JS(script) //nolint:gosec // the program's own files
	var body bytes.Buffer
	err := p.pages.ExecuteTemplate(&body, name, page)
	if err != nil {
		http.Error(w, "the page could not be rendered: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", p.policy)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // a client that is gone needs no page
}

// The ways from the pages to the exporter's root.
const (
	rootOfList     = "./"
	rootOfTask     = "../../"
	rootOfRunbooks = "../"
)

// ServeTasks shows accounts and tasks. It must be served as tasks, below the
// exporter's root.
func (p *Pages) ServeTasks(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if task := values.Get("task"); task != "" {
		seeOther(w, taskByName(values.Get("account"), task))
		return
	}
	query := parseListQuery(values)
	if address := query.address(); r.URL.RawQuery != "" && address != withQuery("tasks", values) {
		// The form sends what is empty too; what people share should be short.
		seeOther(w, address)
		return
	}
	p.write(w, http.StatusOK, "tasks.html", shell{
		Title: "Tasks", Root: rootOfList, Here: "tasks", Refresh: query.refresh, Content: p.list(query),
	})
}

// taskByName is where the parameter task leads. Alerts are sent with it: their
// templates cannot encode the parts of a path.
func taskByName(account, task string) string {
	if account == "" {
		return "tasks?" + url.Values{paramText: {task}}.Encode()
	}
	return taskAddress(rootOfList, account, task)
}

// seeOther leads to a relative address, which [http.Redirect] would make an
// absolute path.
func seeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// ServeTask shows one task, whose account and id are the request's path values
// of these names. It must be served as tasks/{account}/{id}, below the
// exporter's root.
func (p *Pages) ServeTask(w http.ResponseWriter, r *http.Request) {
	account, id := r.PathValue("account"), r.PathValue("id")
	query := parseURLQuery(r.URL.Query())
	var task *prefetch.TaskState
	state := p.options.Snapshot().Account(account)
	if state != nil {
		task = state.Task(id)
	}
	page := shell{Root: rootOfTask, Here: "tasks", Refresh: query.refresh}
	if task == nil {
		page.Title, page.Content = "No such task", missing{
			Account: words.Readable(account), ID: words.Readable(id), KnownAccount: state != nil,
			Runbook: p.runbooks.Link(rootOfTask, "prefetchtasksrejected", ""),
		}
		p.write(w, http.StatusNotFound, "missing.html", page)
		return
	}
	page.Title, page.Content = words.Shorten(words.Readable(id)), p.task(state, task, query)
	p.write(w, http.StatusOK, "task.html", page)
}

// missing is the content of the page of a task that is not watched.
type missing struct {
	Account, ID  string
	KnownAccount bool
	Runbook      string
}

// ServeMissing answers addresses below tasks/ that name no task.
func (p *Pages) ServeMissing(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "a task's address is tasks/{account}/{id}, both percent-encoded, a slash as %2F", http.StatusNotFound)
}

// ServeRunbooks shows the alerts' runbooks. It must be served as runbooks/,
// below the exporter's root.
func (p *Pages) ServeRunbooks(w http.ResponseWriter, _ *http.Request) {
	p.write(w, http.StatusOK, "runbooks.html", shell{
		Title: "Runbooks", Root: rootOfRunbooks, Here: "runbooks", Content: p.runbooks.Page,
	})
}

// ServeConfig shows the configuration in force, whose secrets must be masked. It
// must be served as config, below the exporter's root.
func (p *Pages) ServeConfig(w http.ResponseWriter, text []byte) {
	p.write(w, http.StatusOK, "config.html", shell{
		Title: "Configuration", Root: rootOfList, Here: "config", Content: slices.Collect(strings.Lines(string(text))),
	})
}

// taskAddress is where a task's page is, seen from a page with this root.
func taskAddress(root, account, id string) string {
	return root + "tasks/" + url.PathEscape(account) + "/" + url.PathEscape(id)
}
