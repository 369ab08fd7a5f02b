package huaweicloud_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
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
