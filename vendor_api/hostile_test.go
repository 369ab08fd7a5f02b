package vendorapi_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/volcengine"
)

// hostileVendor is what the table of hostile cases must know of a vendor. A new
// vendor is one more element of hostileVendors and passes the same cases.
type hostileVendor struct {
	name string
	// provider asks the endpoint, which is a URL without a path.
	provider func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error)
	// envelope is the body of a success whose list of rows is the JSON value
	// given, and row an element of it with a URL and a status, both JSON values.
	envelope func(list string) string
	row      func(url, status string) string
	// succeeded is the vendor's word, and refusal a body that refuses
	// credentials in the vendor's own form.
	succeeded, refusal string
	// counts: the envelope says that there are two rows.
	counts bool
	// requestID is the header with the vendor's id of a call; empty where that is the
	// RequestId of the body.
	requestID string
}

func (v *hostileVendor) good(url string) string { return v.row(`"`+url+`"`, `"`+v.succeeded+`"`) }

// rows is a success with the elements given, each a JSON value.
func (v *hostileVendor) rows(elements ...string) string {
	return v.envelope("[" + strings.Join(elements, ",") + "]")
}

// fine is a success with two rows.
func (v *hostileVendor) fine() string {
	return v.rows(v.good("https://example.com/a"), v.good("https://example.com/b"))
}

const (
	hostileSecret = "SECRETKEYEXAMPLE"
	hostileTask   = "8ff1d0f7b2b04bd8b4b6b9f2f2a4c4f1"
)

func hostileVendors() []*hostileVendor {
	secret := func() string { return hostileSecret }
	return []*hostileVendor{
		{
			name: huaweicloud.Name,
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return huaweicloud.New(huaweicloud.Options{
					Endpoint: endpoint, ProjectID: "0123456789abcdef0123456789abcdef", Client: c, Auth: huaweicloud.Token(secret),
				})
			},
			envelope:  func(list string) string { return `{"preheating_results":` + list + `}` },
			row:       func(url, status string) string { return `{"url":` + url + `,"status":` + status + `}` },
			succeeded: "succeed",
			refusal:   `{"error_code":"VOD.10054","error_msg":"authentication failed"}`,
			requestID: "X-Request-Id",
		},
		{
			name: huaweicloud.CDNName,
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return huaweicloud.NewCDN(huaweicloud.CDNOptions{Endpoint: endpoint, Client: c, Auth: huaweicloud.Token(secret)})
			},
			envelope: func(list string) string {
				return `{"task_type":"preheating","status":"task_done","total":2,"urls":` + list + `}`
			},
			row: func(url, status string) string {
				return `{"create_time":1795255200000,"task_type":"PREHEATING","status":` + status + `,"url":` + url + `}`
			},
			succeeded: "succeed",
			refusal:   `{"error":{"error_code":"CDN.0002","error_msg":"authentication failed"}}`,
			counts:    true,
			requestID: "X-Request-Id",
		},
		{
			name: string(alibabacloud.CDN),
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return alibabacloud.New(alibabacloud.Options{
					Product: alibabacloud.CDN, Endpoint: endpoint, Client: c,
					Auth: alibabacloud.Keys(func() string { return "AKEXAMPLE" }, secret, secret),
				})
			},
			envelope: func(list string) string { return `{"Tasks":` + list + `}` },
			row: func(url, status string) string {
				return `{"TaskId":"` + hostileTask + `","ObjectType":"preload","ObjectPath":` + url + `,"Process":"100%","Status":` + status +
					`,"CreationTime":"2026-11-21T10:00:00Z","Description":""}`
			},
			succeeded: "Complete",
			refusal:   `{"HostId":"cdn.aliyuncs.com","Code":"InvalidAccessKeyId.NotFound","Message":"Specified access key is not found."}`,
			requestID: "X-Acs-Request-Id",
		},
		{
			name: cdnetworks.Name,
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return cdnetworks.New(cdnetworks.Options{
					Endpoint: endpoint, Client: c, Auth: cdnetworks.APIKey("ops", secret), PageSize: vendorapi.MaxRows,
					LookBack: 72 * time.Hour,
				})
			},
			envelope: func(list string) string {
				return `{"Code":1,"Message":"success","count":2,"pageNo":1,"pageSize":20000,"resultDetail":` + list + `}`
			},
			row: func(url, status string) string {
				return `{"beginTime":"2026-11-21 10:00:01","createTime":"2026-11-21 10:00:00","finishTime":"2026-11-21 10:00:05",` +
					`"rate":"100","status":` + status + `,"url":` + url + `}`
			},
			succeeded: "success",
			refusal:   `{"Code":0,"Message":"username is invalid"}`,
			counts:    true,
			requestID: "X-Cnc-Request-Id",
		},
		{
			name: volcengine.Name,
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return volcengine.New(volcengine.Options{
					Product: volcengine.Name, Endpoint: endpoint, Region: "cn-north-1", Client: c, AccessKey: secret, SecretKey: secret,
					PageSize: vendorapi.MaxRows + 1,
				})
			},
			envelope: func(list string) string {
				return `{"ResponseMetadata":{"RequestId":"","Action":"DescribeContentTasks"},"Result":{"PageNum":1,"PageSize":20001,"Data":` + list + `}}`
			},
			row: func(url, status string) string {
				return `{"CreateTime":1795255200,"TaskID":"` + hostileTask + `","Process":"100%","Remark":"","Status":` + status + `,"Url":` + url + `}`
			},
			succeeded: "complete",
			refusal:   `{"ResponseMetadata":{"Error":{"CodeN":100010,"Code":"SignatureDoesNotMatch","Message":"words"}}}`,
		},
		{
			name: baiducloud.Name,
			provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
				return baiducloud.New(baiducloud.Options{
					Endpoint: endpoint, Edition: baiducloud.China, Client: c, AccessKey: secret, SecretKey: secret,
				})
			},
			envelope: func(list string) string { return `{"isTruncated":false,"details":` + list + `}` },
			row: func(url, status string) string {
				return `{"status":` + status + `,"createdAt":"2026-11-21T10:00:00Z","startedAt":"2026-11-21T10:00:01Z",` +
					`"finishedAt":"2026-11-21T10:00:05Z","progress":100,"task":{"url":` + url + `}}`
			},
			succeeded: "completed",
			refusal:   `{"code":"SignatureDoesNotMatch","message":"words","requestId":""}`,
			requestID: "X-Bce-Request-Id",
		},
		hostileTencentCloud(tencentcloud.EdgeOneName, tencentcloud.NewEdgeOne, "Tasks", `{"JobId":"`+hostileTask+`","Type":"prefetch_url","Target":`, "success"),
		hostileTencentCloud(tencentcloud.CDNName, tencentcloud.NewCDN, "PushLogs", `{"TaskId":"`+hostileTask+`","Percent":100,"Url":`, "done"),
	}
}

// hostileTencentCloud is one of the products that share an envelope.
func hostileTencentCloud(
	name string, create func(tencentcloud.Options) (*tencentcloud.Provider, error), key, begin, succeeded string,
) *hostileVendor {
	secret := func() string { return hostileSecret }
	return &hostileVendor{
		name: name,
		provider: func(endpoint string, c *vendorapi.Client) (vendorapi.Provider, error) {
			return create(tencentcloud.Options{Endpoint: endpoint, Client: c, SecretID: func() string { return "AK" }, SecretKey: secret, ZoneID: "zone-1"})
		},
		envelope: func(list string) string { return `{"Response":{"TotalCount":2,"` + key + `":` + list + `}}` },
		row: func(url, status string) string {
			return begin + url + `,"CreateTime":"2026-11-21 10:00:00","UpdateTime":"2026-11-21 10:00:05","Status":` + status + `}`
		},
		requestID: "X-Tc-Requestid",
		counts:    true,
		succeeded: succeeded,
		refusal:   `{"Response":{"Error":{"Code":"AuthFailure.SignatureFailure","Message":"check your signature"},"RequestId":""}}`,
	}
}

// hostileCase is an answer that no vendor should give.
type hostileCase struct {
	name string
	// wire is all that the server sends.
	wire func(v *hostileVendor) string
	// serve, where set, is told the connection instead, after the request.
	serve func(v *hostileVendor, conn net.Conn)
	// decoded is how many bytes the body has at most once a coding is taken off,
	// where it has one.
	decoded int64
	// timeout is the call's limit, half a minute unless set.
	timeout time.Duration
	want    outcome
	// counted is what vendors make of it whose envelope counts two rows, where that is
	// something else.
	counted outcome
	// but is for vendors that mean something else by the same answer.
	but map[string]outcome
}

// outcome is what the exporter makes of an answer.
type outcome struct {
	// reason is the class of the failure; empty for an answer.
	reason prefetch.Reason
	// rows is how many an answer has.
	rows int
	// shown is a part of what people see: the error, an oddity, or a word that
	// the log is told of. Empty means that an answer has none of these.
	shown string
}

func answers(rows int, shown string) outcome { return outcome{rows: rows, shown: shown} }

func fails(reason prefetch.Reason, shown string) outcome {
	return outcome{reason: reason, shown: shown}
}

// The bound of what any answer may cost, in bytes allocated from the request on,
// so that what is needed at once is less still: ten times what came, and what 20,000
// rows of two bytes cost beyond that.
const (
	hostileFactor    = 10
	hostileAllowance = 10 << 20
)

// TestHostileAnswers asks each vendor's client over a real connection. Whatever
// comes, there is one request, one answer or one classified error in few words
// without the credentials, and a bounded need of memory.
//
//nolint:paralleltest // measures memory
func TestHostileAnswers(t *testing.T) {
	table := hostileTable()
	if len(table) < 120 {
		t.Errorf("%d cases", len(table))
	}
	names := map[string]bool{}
	for _, c := range table {
		if names[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		names[c.name] = true
	}
	for _, v := range hostileVendors() {
		t.Run(v.name, func(t *testing.T) {
			for _, c := range table {
				t.Run(c.name, func(t *testing.T) { c.test(t, v) })
			}
		})
	}
}

func hostileTable() []hostileCase {
	return slices.Concat(hostileStatuses(), hostileFraming(), hostileHeaders(), hostileBodies(), hostileRows(), hostileFloods())
}

func (c *hostileCase) test(t *testing.T, v *hostileVendor) {
	server := newHostileServer(t, v, c)
	client := newClient(t, vendorapi.ClientOptions{Timeout: c.timeout, UserAgent: "prefetch_exporter/test"})
	provider, err := v.provider("http://"+server.address, client)
	if err != nil {
		t.Fatal(err)
	}
	before := allocated()
	answer, err := provider.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: hostileTask})
	server.checkCost(t, allocated()-before, c.decoded)

	want := c.want
	if v.counts && c.counted != (outcome{}) {
		want = c.counted
	}
	if but, ok := c.but[v.name]; ok {
		want = but
	}
	texts := slices.Concat(answer.Oddities, answer.UnknownWords)
	if answer.RequestID != "" {
		texts = append(texts, answer.RequestID)
	}
	got := outcome{rows: len(answer.URLs)}
	if err != nil {
		var e *vendorapi.Error
		if !errors.As(err, &e) {
			t.Fatalf("%v (%T) is no *Error", err, err)
		}
		got.reason = e.Reason
		texts = []string{e.Error()}
		if e.Unsent || e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour {
			t.Errorf("error %+v", e)
		}
	}
	checkShown(t, texts)
	switch shown := strings.Join(texts, "; "); {
	case got.reason != want.reason || got.rows != want.rows:
		t.Errorf("%d rows, %q; want %d rows, %q: %s", got.rows, got.reason, want.rows, want.reason, shown)
	case !strings.Contains(shown, want.shown) || want == answers(want.rows, "") && shown != "":
		t.Errorf("shown is %q, want %q", shown, want.shown)
	}
	checkHostileAnswer(t, answer)
}

// A server that plays IAM in the same ways gets no request beyond its own, makes no
// account's task look wrong, and costs no more memory.
//
//nolint:paralleltest // measures memory
func TestHostileIAM(t *testing.T) {
	v := hostileVendors()[0]
	secret := func() string { return hostileSecret }
	for _, c := range slices.Concat(hostileStatuses(), hostileFraming(), hostileHeaders(), hostileBodies()) {
		t.Run(c.name, func(t *testing.T) {
			server := newHostileServer(t, v, &c)
			client := newClient(t, vendorapi.ClientOptions{Timeout: c.timeout})
			provider, err := huaweicloud.New(huaweicloud.Options{
				Endpoint: "http://127.0.0.1:1", ProjectID: "p", Client: client, Auth: huaweicloud.IAM(huaweicloud.IAMOptions{
					Endpoint: "http://" + server.address, Domain: "d", Username: "u", Password: secret, ProjectID: "p", Client: client,
				}),
			})
			if err != nil {
				t.Fatal(err)
			}
			before := allocated()
			_, err = provider.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: hostileTask})
			server.checkCost(t, allocated()-before, c.decoded)
			e := vendorapi.AsError(err)
			if e == nil || !e.Unsent || e.Reason.ConcernsTask() {
				t.Fatalf("got %+v", e)
			}
			checkShown(t, []string{e.Error()})
		})
	}
}

// checkShown checks what people would be shown.
func checkShown(t *testing.T, texts []string) {
	t.Helper()
	for _, text := range texts {
		if !utf8.ValidString(text) || len(text) > 1000 || strings.Contains(text, hostileSecret) || strings.Contains(text, "cannot unmarshal") ||
			strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("shown: %q", text)
		}
	}
	if len(texts) > 20 {
		t.Errorf("%d texts", len(texts))
	}
}

func checkHostileAnswer(t *testing.T, a vendorapi.Answer) {
	t.Helper()
	if a.Count < len(a.URLs) || prefetch.CountURLs(a.URLs).Total() != len(a.URLs) {
		t.Errorf("count %d of %d rows", a.Count, len(a.URLs))
	}
	for i := range a.URLs {
		u := &a.URLs[i]
		if !utf8.ValidString(u.URL) || len(u.URL) > vendorapi.MaxText || u.Rate < 0 || u.Rate > 1 {
			t.Fatalf("row %d: a URL of %d bytes, rate %v", i, len(u.URL), u.Rate)
		}
	}
}

// allocated is how many bytes were allocated since the process began.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// hostileServer answers every connection's first request in the case's way.
type hostileServer struct {
	address        string
	requests, sent atomic.Int64
}

func newHostileServer(t *testing.T, v *hostileVendor, c *hostileCase) *hostileServer {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &hostileServer{address: listener.Addr().String()}
	serve := c.serve
	if serve == nil {
		// Made before anything is measured.
		wire := []byte(c.wire(v))
		serve = func(_ *hostileVendor, conn net.Conn) { _, _ = conn.Write(wire) }
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				s.requests.Add(1)
				serve(v, &countingConn{conn, &s.sent})
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return s
}

// checkCost checks that there was one request, and what its answer cost in memory.
func (s *hostileServer) checkCost(t *testing.T, cost uint64, decoded int64) {
	t.Helper()
	if got := s.requests.Load(); got != 1 {
		t.Errorf("%d requests", got)
	}
	if most := hostileFactor*uint64(max(s.sent.Load(), decoded)) + hostileAllowance; cost > most {
		t.Errorf("an answer of %d bytes cost %d, more than %d", s.sent.Load(), cost, most)
	}
}

// countingConn counts what is written.
type countingConn struct {
	net.Conn

	sent *atomic.Int64
}

func (c *countingConn) Write(b []byte) (written int, err error) {
	for part := range slices.Chunk(b, 64<<10) {
		// Counted before it is sent: who has it all looks at once.
		c.sent.Add(int64(len(part)))
		n, err := c.Conn.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// raw sends a text as it is.
func raw(wire string) func(*hostileVendor) string {
	return func(*hostileVendor) string { return wire }
}

// response is a response with a status line's rest, headers each with its line
// break, and a body.
func response(status, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
}

// sends answers 200 with a body.
func sends(text string) func(*hostileVendor) string { return raw(response("200 OK", "", text)) }

// sendsOf answers 200 with a body that depends on the vendor.
func sendsOf(f func(v *hostileVendor) string) func(*hostileVendor) string {
	return func(v *hostileVendor) string { return response("200 OK", "", f(v)) }
}

// header answers 200 with headers and two good rows.
func header(lines string) func(*hostileVendor) string {
	return func(v *hostileVendor) string { return response("200 OK", lines, v.fine()) }
}

// list answers 200 with a list that is this JSON value.
func list(value string) func(*hostileVendor) string {
	return sendsOf(func(v *hostileVendor) string { return v.envelope(value) })
}

// statusText is the rest of a status line.
func statusText(code int) string {
	return fmt.Sprintf("%d %s", code, cmp.Or(http.StatusText(code), "Odd"))
}
