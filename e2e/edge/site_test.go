package edge_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"prefetch_exporter/e2e/internal/run"
	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

const (
	project   = "0123456789abcdef0123456789abcdef"
	accessKey = "AKEDGE"
	secretKey = "secret"

	// warmTask is on the edge; coldTask is not, though its vendor says so.
	warmTask, coldTask = "launch-warm", "12719676361"
)

// vendors say of both tasks that every URL succeeded.
type vendors struct {
	config string // of the exporter
	close  func()
}

// startVendors gives the warm task URLs of the edge, and some that nobody is to ask
// for; and the cold task others of the edge.
func startVendors(t *testing.T, edge *standIn, internal *httptest.Server) vendors {
	t.Helper()
	created := time.Now().Add(-2 * time.Minute).Truncate(time.Second)
	huaweicloud := simhuaweicloud.New(simhuaweicloud.Options{AccessKeys: map[string]string{accessKey: secretKey}})
	huaweicloud.Submit(simulator.Task{ID: warmTask, Owner: project, Created: created, URLs: plan(
		edge.URL+"/warm/one.mp4", edge.URL+"/warm/二 2.mp4", edge.URL+"/warm/three.mp4?sign=secret&t=1",
		internal.URL+"/latest/meta-data", "ftp://"+edge.host()+"/a.mp4",
	)})
	alibabacloud := simalibabacloud.New(simalibabacloud.Options{AccessKeys: map[string]string{accessKey: secretKey}})
	alibabacloud.Submit(simulator.Task{ID: coldTask, Owner: accessKey, Created: created, URLs: plan(
		edge.URL+"/cold/one.mp4", edge.URL+"/cold/two.mp4", edge.URL+"/cold/three.mp4",
	)})
	vod, cdn := httptest.NewServer(huaweicloud), httptest.NewServer(alibabacloud)
	t.Cleanup(vod.Close)
	t.Cleanup(cdn.Close)
	return vendors{
		config: fmt.Sprintf(`
global: {poll_interval: 1s}
accounts:
  - name: vod
    rate_limit: {calls: 100, per: 10s}
    huaweicloud_vod: {endpoint: %q, project_id: %s, access_key: %s, secret_key: %s}
    tasks: [{id: %s}]
  - name: cdn
    rate_limit: {calls: 100, per: 10s}
    alibabacloud_cdn: {endpoint: %q, access_key_id: %s, access_key_secret: %s}
    tasks: [{id: %q}]
`, vod.URL, project, accessKey, secretKey, warmTask, cdn.URL, accessKey, secretKey, coldTask),
		close: func() { vod.Close(); cdn.Close() },
	}
}

func plan(urls ...string) []simulator.URLPlan {
	plans := make([]simulator.URLPlan, len(urls))
	for i, u := range urls {
		plans[i].URL = u
	}
	return plans
}

// startExporter runs the exporter with the store in a folder.
func startExporter(t *testing.T, v vendors, folder string) *run.Process {
	t.Helper()
	config := filepath.Join(folder, "config.yml")
	write(t, config, v.config)
	return run.Start(t, run.Exporter(t),
		"--config.file="+config, "--storage.path="+filepath.Join(folder, "data"), "--web.listen-address=127.0.0.1:0")
}

// standIn is an edge. It has what is below /warm/, and fetches what is below /cold/
// when it is asked for it first. Its headers are those of Huawei Cloud and of Alibaba
// Cloud.
type standIn struct {
	*httptest.Server

	mu       sync.Mutex
	requests []string // as method and URL, in the order in which they came
}

func startEdge(t *testing.T) *standIn {
	t.Helper()
	e := &standIn{}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(e.serve))
	// Not 127.0.0.1, where everything else of the test listens.
	e.Listener.Close()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	e.Listener = listener
	e.Start()
	t.Cleanup(e.Close)
	return e
}

// host is where the edge listens, as URLs name it.
func (e *standIn) host() string { return e.Listener.Addr().String() }

func (e *standIn) serve(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	request := r.Method + " " + r.URL.RequestURI()
	asked := slices.Contains(e.requests, request)
	e.requests = append(e.requests, request)
	w.Header().Set("Content-Length", "4294967296") // a video
	if strings.HasPrefix(r.URL.Path, "/warm/") {
		w.Header().Set("X-Hcs-Proxy-Type", "1")
		return
	}
	if asked {
		w.Header().Set("X-Cache", "HIT TCP_MEM_HIT dirn:-2:-2")
	} else {
		w.Header().Set("X-Cache", "MISS TCP_MISS dirn:-2:-2")
	}
}

// asked are the different requests that came, sorted.
func (e *standIn) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(e.requests)))
}
