package huaweicloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"prefetch_exporter/vendor_api/huaweicloud"
)

// BenchmarkDecodeAnswer reads an answer of ten URLs, as many as a task can have
// been submitted with, from the response's first byte to the answer.
func BenchmarkDecodeAnswer(b *testing.B) {
	const n = 10
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"url":"https://example.com/asset/9db42f5e08c15edecd99a98da241994a/segment-%06d.ts","status":"succeed"}`, i)
	}
	body := `{"preheating_results":[` + strings.Join(rows, ",") + `]}`
	p := newProvider(b, func(*http.Request) (*http.Response, error) { return respond(http.StatusOK, body), nil }, token())
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		answer, err := p.Query(b.Context(), taskQuery())
		if err != nil || len(answer.URLs) != n {
			b.Fatalf("%d URLs, %v", len(answer.URLs), err)
		}
	}
}

// BenchmarkCDNList reads a list of as many tasks as a page holds.
func BenchmarkCDNList(b *testing.B) {
	const n = 10_000
	task := `{"id":"%d","task_type":"preheating","status":"task_done","processing":0,"succeed":9,"failed":1,"total":10,` +
		`"create_time":1795255200000,"file_type":"file"}`
	tasks := make([]string, n)
	for i := range tasks {
		tasks[i] = fmt.Sprintf(task, 100_000_000+i)
	}
	body := fmt.Sprintf(`{"total":%d,"tasks":[%s]}`, n, strings.Join(tasks, ","))
	p := newCDN(b, func(*http.Request) (*http.Response, error) { return respond(http.StatusOK, body), nil }, huaweicloud.CDNOptions{})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if a, err := p.Query(b.Context(), listQuery()); err != nil || len(a.Tasks) != n {
			b.Fatalf("%d tasks, %v", len(a.Tasks), err)
		}
	}
}
