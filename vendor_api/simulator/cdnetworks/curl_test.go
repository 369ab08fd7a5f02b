package cdnetworks_test

import (
	"bytes"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/internal/programtest"
	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
)

// The vendor page's own example, run by the real bash, openssl and curl with
// nothing but its host changed, must be answered. The script is dated by the
// real clock while it asks for a day in 2017, so the look-back is long here.
func TestVendorsExampleScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "openssl", "curl"} {
		programtest.Path(t, tool)
	}
	const century = 100 * 365 * 24 * time.Hour
	s := simcdnetworks.New(simcdnetworks.Options{
		APIKeys:  map[string]string{"username": "apiKey"},
		LookBack: century,
	})
	// 2017-05-02 12:00:00 of the vendor's zone.
	created := time.Date(2017, 5, 2, 4, 0, 0, 0, time.UTC)
	s.Submit(simulator.Task{
		ID: "3ff59d129a2c40a39b9be8c9de9975d6", Owner: "username", Created: created,
		URLs: []simulator.URLPlan{
			{URL: "https://www.test.com/test/test.jpg", Wait: time.Second, Fetch: time.Second, Rate: 98},
			{URL: "https://www.test.com/test/other.jpg"},
		},
	})
	server := httptest.NewTLSServer(s)
	defer server.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}

	script, err := os.ReadFile(filepath.Join("testdata", "query_prefetch_status.sh"))
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(server.URL, "https://")
	changed := strings.Replace(string(script), "api.cdnetworks.com", host, 1)
	if changed == string(script) {
		t.Fatal("the script does not name the vendor's host")
	}
	bash := exec.CommandContext(t.Context(), "bash")
	bash.Stdin = strings.NewReader(changed)
	// curl is told to trust the test's certificate, and to use no proxy.
	bash.Env = append(os.Environ(), "CURL_CA_BUNDLE="+authority, "NO_PROXY=*", "no_proxy=*")
	var stderr bytes.Buffer
	bash.Stderr = &stderr
	output, err := bash.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, output, stderr.Bytes())
	}

	head, body, found := strings.Cut(strings.ReplaceAll(string(output), "\r\n", "\n"), "\n\n")
	if !found || !strings.HasPrefix(head, "HTTP/1.1 200 OK\n") || !strings.Contains(strings.ToLower(head), "\nx-cnc-request-id: ") {
		t.Errorf("head:\n%s", head)
	}
	const want = `{"count":1,"Code":1,"message":"success","pageNo":1,"pageSize":20,"resultDetail":[` +
		`{"beginTime":"2017-05-02 12:00:01","createTime":"2017-05-02 12:00:00","finishTime":"2017-05-02 12:00:02",` +
		`"rate":"98","status":"success","url":"https://www.test.com/test/test.jpg"}]}` + "\n"
	if body != want {
		t.Errorf("body:\n%s\nwant:\n%s", body, want)
	}
}
