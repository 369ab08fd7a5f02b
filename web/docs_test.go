package web_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keys adds the keys of all objects in a JSON value, but those below labels,
// which are the user's own.
func keys(value any, into map[string]bool) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			keys(element, into)
		}
	case map[string]any:
		for key, element := range v {
			into[key] = true
			if key != "labels" {
				keys(element, into)
			}
		}
	}
}

// The examples of docs/http_api.md have exactly the keys that the API's answers
// have, and the page describes each of them.
func TestManualShowsWhatIsAnswered(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/http_api.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	answered, shown := map[string]bool{}, map[string]bool{"warnings": true, "errorType": true, "error": true}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		keys(value, answered)
	}
	for key := range shown {
		answered[key] = true
	}
	for _, block := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		var value any
		if err := json.Unmarshal(block[1], &value); err != nil {
			t.Fatalf("%v in:\n%s", err, block[1])
		}
		keys(value, shown)
	}
	for key := range answered {
		if !shown[key] {
			t.Errorf("no example shows %q", key)
		}
	}
	for key := range shown {
		if !answered[key] {
			t.Errorf("an example shows %q, which no answer has", key)
		}
	}
	statuses := []string{"waiting", "running", "succeeded", "failed", "unknown", "status", "data", "url", "started"}
	for key := range answered {
		if !slices.Contains(statuses, key) && !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("%q is not described", key)
		}
	}
	for _, kind := range []string{"bad_data", "forbidden", "not_found", "conflict", "unavailable"} {
		if !strings.Contains(string(page), "| `"+kind+"` |") {
			t.Errorf("error type %s is not described", kind)
		}
	}
}

// What the manual puts can be put.
func TestManualsBodyIsAccepted(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/http_api.md")
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)-X PUT [^\n]* -d '(.*?)'`).FindSubmatch(page)
	if body == nil {
		t.Fatal("no example puts a task")
	}
	if w := ask(t, handler(t, newExporter().options()), "PUT /api/v1/tasks/edge/x", string(body[1])); w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
