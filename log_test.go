package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// entries are the lines of a log in either format, each as its keys and values.
func entries(t *testing.T, format, log string) []map[string]string {
	t.Helper()
	var all []map[string]string
	for line := range strings.Lines(log) {
		if strings.Contains(line, `\n`) {
			t.Errorf("a line break inside of a line:\n%s", line)
		}
		read := logfmtEntry
		if format == "json" {
			read = jsonEntry
		}
		entry, err := read(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, entry)
	}
	return all
}

func jsonEntry(line string) (map[string]string, error) {
	var values map[string]any
	err := json.Unmarshal([]byte(line), &values)
	entry := map[string]string{}
	for key, value := range values {
		entry[key] = fmt.Sprint(value)
	}
	return entry, err
}

func logfmtEntry(line string) (map[string]string, error) {
	entry := map[string]string{}
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimPrefix(rest, " ") {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, errors.New("no key and value")
		}
		value, err := strconv.QuotedPrefix(after)
		if err != nil { // it is not quoted
			value, _, _ = strings.Cut(after, " ")
			entry[key] = value
		} else if entry[key], err = strconv.Unquote(value); err != nil {
			return nil, err
		}
		rest = after[len(value):]
	}
	return entry, nil
}

// with are the entries of a message.
func with(entries []map[string]string, msg string) []map[string]string {
	var found []map[string]string
	for _, e := range entries {
		if e["msg"] == msg {
			found = append(found, e)
		}
	}
	return found
}

const (
	asked       = "every source of tasks was asked"
	notReloaded = "the configuration was not reloaded; the one in force stays"
	oneError    = "the configuration has an error"
)

// TestLog starts with a slow source of tasks, reloads what is broken and what is
// not, and changes a secret, in both formats of the log.
func TestLog(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"logfmt", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			vendor := simcdnetworks.New(simcdnetworks.Options{
				APIKeys: map[string]string{"ops": "the-second-secret"}, Quota: simulator.Quota{Calls: 1000, Per: time.Second},
			})
			vendorServer := httptest.NewServer(vendor)
			t.Cleanup(vendorServer.Close)
			answer := make(chan struct{})
			source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				<-answer
				fmt.Fprint(w, `[{"account": "edge", "id": "two"}, {"account": "edge", "id": "three"}]`)
			}))
			t.Cleanup(source.Close)
			folder := t.TempDir()
			secret := writeFile(t, filepath.Join(folder, "key"), "the-first-secret\n")
			config := fmt.Sprintf(`accounts:
  - name: edge
    poll_interval: 3s
    rate_limit: {calls: 100, per: 1s}
    cdnetworks: {endpoint: %q, username: ops, api_key_file: key}
    tasks: [{id: one}]
task_discovery:
  http: [{url: %q}]
`, vendorServer.URL, source.URL)
			file := writeFile(t, filepath.Join(folder, "config.yml"), config)
			p := serve(t, "--config.file="+file, "--storage.path="+filepath.Join(folder, "data"),
				"--log.format="+format, "--web.enable-lifecycle")
			log := func(msg string) []map[string]string { return with(entries(t, format, p.stderr.String()), msg) }

			if got := log(asked); len(got) > 0 {
				t.Errorf("told before the source answered: %v", got)
			}
			close(answer)
			p.eventually("the start is told", func() bool { return len(log(asked)) > 0 })
			if got := log(asked); len(got) != 1 || got[0]["accounts"] != "1" || got[0]["tasks"] != "3" || got[0]["level"] != "INFO" {
				t.Errorf("at the start: %v", got)
			}

			p.eventually("the wrong secret is refused", func() bool { return len(log("a vendor call failed; the last good answer stays")) > 0 })
			writeFile(t, secret, "the-second-secret\n")
			p.eventually("the secret is read anew", func() bool { return len(log("a secret was read anew")) > 0 })
			if got := log("a secret was read anew"); len(got) != 1 || got[0]["field"] != "accounts[0].cdnetworks.api_key_file" || got[0]["file"] != secret {
				t.Errorf("the secret: %v", got)
			}
			p.eventually("the account answers again", func() bool { return len(log("the account answers again")) > 0 })

			writeFile(t, file, strings.Replace(config, "interval: 3s", "interval: soon", 1)+"nonsense: 1\nrubbish: 2\n")
			if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError || strings.Count(body, "\n") < 3 {
				t.Errorf("a broken file: %d %s", status, body)
			}
			// The log is written beside what is logged.
			p.eventually("the errors are told", func() bool { return len(log(notReloaded)) > 0 && len(log(oneError)) > 2 })
			if got := log(notReloaded); len(got) != 1 || got[0]["errors"] != "3" || got[0]["level"] != "ERROR" {
				t.Errorf("the reload: %v", got)
			}
			got := log(oneError)
			if len(got) != 3 {
				t.Fatalf("%d errors: %v", len(got), got)
			}
			for i, want := range []struct{ line, field string }{{"3", "accounts[0].poll_interval"}, {"9", "nonsense"}, {"10", "rubbish"}} {
				if got[i]["place"] != file+":"+want.line || got[i]["field"] != want.field || got[i]["err"] == "" {
					t.Errorf("error %d: %v, want %v", i, got[i], want)
				}
			}
			writeFile(t, file, strings.Replace(config, "{id: one}", "{id: one}, {id: four}", 1))
			if status, body := p.do(http.MethodPost, "/-/reload"); status != http.StatusOK {
				t.Fatalf("reload: %d %s", status, body)
			}
			p.eventually("the reload is told", func() bool { return len(log("the configuration was reloaded")) > 0 })
			if got := log("the configuration was reloaded"); len(got) != 1 || got[0]["tasks"] != "4" {
				t.Errorf("the second reload: %v", got)
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
			entries(t, format, p.stderr.String())
			if log := p.stderr.String(); strings.Contains(log, "the-first-secret") || strings.Contains(log, "the-second-secret") {
				t.Errorf("a secret is shown:\n%s", log)
			}
		})
	}
}

// TestManyErrorsOfAReload are not logged without end.
func TestManyErrorsOfAReload(t *testing.T) {
	t.Parallel()
	_, config := huaweiVendor(t)
	file := writeFile(t, "config.yml", config)
	p := serve(t, "--config.file="+file, "--storage.path="+t.TempDir(), "--web.enable-lifecycle")
	var broken strings.Builder
	for i := range 100 {
		fmt.Fprintf(&broken, "nonsense_%d: 1\n", i)
	}
	writeFile(t, file, config+broken.String())
	p.do(http.MethodPost, "/-/reload")
	all := entries(t, "logfmt", p.stderr.String())
	if n := len(with(all, oneError)); n != 20 {
		t.Errorf("%d errors are logged, want 20", n)
	}
	if got := with(all, "there are more errors; --config.check tells all"); len(got) != 1 || got[0]["errors"] != "80" {
		t.Errorf("the rest: %v", got)
	}
}

// TestJSONToTheEnd fails to start: nothing but JSON is written.
func TestJSONToTheEnd(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "bad.yml", "accounts: 1\nnonsense: 1\n")
	_, stderr, err := command(t, "--log.format=json", "--config.file="+file, "--storage.path="+t.TempDir())
	if _, told := errors.AsType[reported](err); !told {
		t.Errorf("%v would be written once more, as a text", err)
	}
	all := entries(t, "json", stderr)
	if n := len(with(all, oneError)); n != 2 {
		t.Errorf("%d errors are logged, want 2:\n%s", n, stderr)
	}
	folder := t.TempDir()
	_, config := huaweiVendor(t)
	file = writeFile(t, "config.yml", config)
	serve(t, "--config.file="+file, "--storage.path="+folder)
	_, stderr, err = command(t, "--log.format=json", "--config.file="+file, "--storage.path="+folder)
	if err == nil {
		t.Fatal("a second process starts")
	}
	if got := with(entries(t, "json", stderr), "the exporter ends with an error"); len(got) != 1 || !strings.Contains(got[0]["err"], folder) {
		t.Errorf("logged %v", got)
	}
}
