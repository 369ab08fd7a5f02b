package vendorapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
)

const (
	unavailable = prefetch.ReasonUnavailable
	decode      = prefetch.ReasonDecode
	auth        = prefetch.ReasonAuth
	throttled   = prefetch.ReasonThrottled
	timedOut    = prefetch.ReasonTimeout

	page = "<html>\n<head><title>Bad\x07 \u202ename</title></head>\n</html>"
)

// hostileStatuses are status lines: what is no answer by its status must not be
// one by its body.
func hostileStatuses() []hostileCase {
	var cases []hostileCase
	for _, code := range []int{400, 402, 405, 406, 409, 410, 411, 413, 415, 418, 421, 425, 428, 431, 451, 499, 500, 501, 502, 503, 505, 508, 511, 520, 599, 999} {
		cases = append(cases, hostileCase{
			name: fmt.Sprintf("status %d with a page", code), wire: raw(response(statusText(code), "", page)),
			want: fails(unavailable, fmt.Sprintf("HTTP %d: <html> <head><title>Bad name</title></head> </html>", code)),
		})
	}
	cdn := func(o outcome) map[string]outcome { return map[string]outcome{cdnetworks.Name: o} }
	cases = append(cases, []hostileCase{
		{name: "status 401 with a page", wire: raw(response("401 No", "", page)), want: fails(auth, "HTTP 401")},
		{
			name: "status 403 with a page", wire: raw(response("403 No", "", page)),
			want: fails(unavailable, "HTTP 403"), but: cdn(fails(auth, "HTTP 403")),
		},
		{name: "status 404 with a page", wire: raw(response("404 No", "", page)), want: fails(unavailable, "HTTP 404")},
		{name: "status 407 with a page", wire: raw(response("407 No", "", page)), want: fails(unavailable, "HTTP 407")},
		{name: "status 408 with a page", wire: raw(response("408 Slow", "", page)), want: fails(timedOut, "HTTP 408")},
		{
			name: "status 414 with a page", wire: raw(response("414 Long", "", page)), want: fails(prefetch.ReasonInvalid, "HTTP 414"),
			but: cdn(fails(unavailable, "HTTP 414")),
		},
		{name: "status 429 with a page", wire: raw(response("429 Slow", "", page)), want: fails(throttled, "HTTP 429")},
		{name: "status 504 with a page", wire: raw(response("504 Slow", "", page)), want: fails(timedOut, "HTTP 504")},
	}...)
	for _, code := range []int{300, 301, 302, 303, 304, 307, 308, 399} {
		cases = append(cases, hostileCase{
			name: fmt.Sprintf("redirect %d", code),
			wire: raw(response(statusText(code), "Location: http://169.254.169.254/latest?\u202etoken\r\n", "")),
			want: fails(unavailable, fmt.Sprintf("HTTP %d", code)),
		})
	}
	fine := func(code int) func(*hostileVendor) string {
		return func(v *hostileVendor) string { return response(statusText(code), "", v.fine()) }
	}
	return append(cases, []hostileCase{
		{name: "rows under 401", wire: fine(401), want: fails(auth, "HTTP 401")},
		{name: "rows under 429", wire: fine(429), want: fails(throttled, "HTTP 429")},
		{name: "rows under 500", wire: fine(500), want: fails(unavailable, "HTTP 500")},
		{name: "rows under 302", wire: fine(302), want: fails(unavailable, "HTTP 302")},
		{name: "rows under 206", wire: fine(206), want: answers(2, "")},
		{name: "rows under 299", wire: fine(299), want: answers(2, "")},
		{name: "no content", wire: raw("HTTP/1.1 204 No Content\r\n\r\n"), want: fails(decode, "HTTP 204")},
		{name: "reset content", wire: raw("HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"), want: fails(decode, "HTTP 205")},
		{name: "no phrase", wire: func(v *hostileVendor) string { return response("200", "", v.fine()) }, want: answers(2, "")},
		{name: "the status alone", wire: raw("HTTP/1.1 200 OK\r\n\r\n"), want: fails(decode, "HTTP 200")},
		{name: "silence", wire: raw(""), want: fails(unavailable, "EOF")},
		{name: "half a status line", wire: raw("HTTP/1.1 2"), want: fails(unavailable, "malformed HTTP")},
		{name: "another protocol's greeting", wire: raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "HTTP 0.9", wire: func(v *hostileVendor) string { return v.fine() }, want: fails(unavailable, "malformed HTTP")},
		{name: "HTTP 2", wire: raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "TLS alert", wire: raw("\x15\x03\x03\x00\x02\x02\x28"), want: fails(unavailable, "malformed HTTP")},
		{name: "no status code", wire: raw("HTTP/1.1 \r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "a status code of words", wire: raw("HTTP/1.1 two hundred\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "a status code of four digits", wire: raw("HTTP/1.1 2000 OK\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "a negative status code", wire: raw("HTTP/1.1 -20 OK\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "status 0", wire: raw(response("000 Zero", "", page)), want: fails(unavailable, "")},
		{name: "bytes in the status line", wire: raw("HTTP/1.1 \x00\xff\x1b[31m\r\n\r\n"), want: fails(unavailable, "malformed HTTP")},
		{name: "switching protocols", wire: raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"), want: fails(unavailable, "changed the protocol")},
		{
			name: "continue first", want: answers(2, ""),
			wire: func(v *hostileVendor) string {
				return "HTTP/1.1 100 Continue\r\n\r\n" + response("200 OK", "", v.fine())
			},
		},
		{
			name: "early hints first", want: answers(2, ""),
			wire: func(v *hostileVendor) string {
				return strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n", 3) + response("200 OK", "", v.fine())
			},
		},
		{name: "continue for ever", wire: raw(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100_000)), want: fails(unavailable, "server response headers exceeded")},
		{name: "continue and nothing", wire: raw("HTTP/1.1 100 Continue\r\n\r\n"), want: fails(unavailable, "EOF")},
		{
			name: "the vendor's refusal under 200", wire: sendsOf(func(v *hostileVendor) string { return v.refusal }),
			want: fails(auth, "HTTP 200"),
		},
		{
			name: "the vendor's refusal under 503", want: fails(auth, "HTTP 503"),
			wire: func(v *hostileVendor) string { return response("503 Busy", "", v.refusal) },
		},
	}...)
}

// hostileFraming is where a body begins and ends.
func hostileFraming() []hostileCase {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	length := func(n string) func(*hostileVendor) string {
		return func(v *hostileVendor) string {
			return "HTTP/1.1 200 OK\r\nContent-Length: " + n + "\r\n\r\n" + v.fine()
		}
	}
	chunk := func(v *hostileVendor, size string) string {
		return chunked + size + "\r\n" + v.fine() + "\r\n0\r\n\r\n"
	}
	return []hostileCase{
		{name: "a length that is too long", wire: length("100000"), want: fails(unavailable, "unexpected EOF")},
		{name: "a length that is too short", wire: length("40"), want: fails(decode, "HTTP 200")},
		{name: "a length of nothing", wire: length("0"), want: fails(decode, "HTTP 200")},
		{name: "a negative length", wire: length("-1"), want: fails(unavailable, "bad Content-Length")},
		{name: "a length of words", wire: length("many"), want: fails(unavailable, "bad Content-Length")},
		{name: "a length beyond 64 bits", wire: length("99999999999999999999999"), want: fails(unavailable, "bad Content-Length")},
		{name: "a length of exabytes", wire: length("9223372036854775807"), want: fails(unavailable, "unexpected EOF")},
		{name: "two lengths", wire: length("40\r\nContent-Length: 41"), want: fails(unavailable, "Content-Length")},
		{name: "no length", wire: func(v *hostileVendor) string { return "HTTP/1.1 200 OK\r\n\r\n" + v.fine() }, want: answers(2, "")},
		{
			name: "bytes after the body", want: answers(2, ""),
			wire: func(v *hostileVendor) string { return response("200 OK", "", v.fine()) + response("500 No", "", page) },
		},
		{name: "chunks", wire: func(v *hostileVendor) string { return chunk(v, fmt.Sprintf("%x", len(v.fine()))) }, want: answers(2, "")},
		{name: "a chunk of words", wire: func(v *hostileVendor) string { return chunk(v, "zz") }, want: fails(unavailable, "chunk")},
		{name: "a chunk beyond 64 bits", wire: func(v *hostileVendor) string { return chunk(v, strings.Repeat("f", 17)) }, want: fails(unavailable, "chunk")},
		{name: "a chunk of exabytes", wire: func(v *hostileVendor) string { return chunk(v, "7fffffffffffffff") }, want: fails(unavailable, "EOF")},
		{name: "a chunk that is too long", wire: func(v *hostileVendor) string { return chunk(v, "fff") }, want: fails(unavailable, "EOF")},
		{name: "a chunk that is too short", wire: func(v *hostileVendor) string { return chunk(v, "10") }, want: fails(unavailable, "chunk")},
		{name: "no last chunk", wire: func(v *hostileVendor) string { return fmt.Sprintf("%s%x\r\n%s\r\n", chunked, len(v.fine()), v.fine()) }, want: fails(unavailable, "EOF")},
		{name: "no chunk", wire: raw(chunked), want: fails(unavailable, "EOF")},
		{name: "chunks of a byte", wire: bytewise, want: answers(2, "")},
		{name: "long chunk extensions", wire: raw(chunked + "1;" + strings.Repeat("x", 1<<20) + "\r\n{\r\n0\r\n\r\n"), want: fails(unavailable, "HTTP 200")},
		{
			name: "a length and chunks", want: answers(2, ""),
			wire: func(v *hostileVendor) string {
				return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(v.fine()), v.fine())
			},
		},
		{
			name: "an unknown transfer encoding", want: fails(unavailable, "transfer encoding"),
			wire: header("Transfer-Encoding: rot13\r\n"),
		},
		{name: "a trailer flood", wire: func(v *hostileVendor) string {
			return fmt.Sprintf("%s%x\r\n%s\r\n0\r\n%s\r\n", chunked, len(v.fine()), v.fine(), strings.Repeat("X: y\r\n", 200_000))
		}, want: fails(unavailable, "trailer")},
		{
			name: "reset in the body", want: fails(unavailable, "HTTP 200"),
			serve: func(v *hostileVendor, conn net.Conn) {
				_, _ = conn.Write([]byte(response("200 OK", "", v.fine())[:100]))
				if tcp, ok := conn.(*countingConn).Conn.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0)
				}
			},
		},
		{name: "never a byte", timeout: 200 * time.Millisecond, serve: untilClosed(""), want: fails(timedOut, "no whole answer within 200ms")},
		{name: "never a body", timeout: 200 * time.Millisecond, serve: untilClosed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), want: fails(timedOut, "no whole answer within 200ms")},
		{name: "never the end of the header", timeout: 200 * time.Millisecond, serve: untilClosed("HTTP/1.1 200 OK\r\nX: "), want: fails(timedOut, "no whole answer within 200ms")},
		{name: "a body that trickles", timeout: 200 * time.Millisecond, serve: trickling("HTTP/1.1 200 OK\r\n\r\n", " "), want: fails(timedOut, "no whole answer within 200ms")},
		{name: "a header that trickles", timeout: 200 * time.Millisecond, serve: trickling("HTTP/1.1 200 OK\r\nX: ", "x"), want: fails(timedOut, "no whole answer within 200ms")},
	}
}

// bytewise sends two good rows in chunks of one byte each.
func bytewise(v *hostileVendor) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, c := range []byte(v.fine()) {
		fmt.Fprintf(&b, "1\r\n%c\r\n", c)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

// untilClosed sends the beginning and then nothing, until the client closes.
func untilClosed(beginning string) func(*hostileVendor, net.Conn) {
	return func(_ *hostileVendor, conn net.Conn) {
		_, _ = conn.Write([]byte(beginning))
		_, _ = conn.Read(make([]byte, 1))
	}
}

// trickling sends the beginning and then byte after byte, until the client
// closes.
func trickling(beginning, rest string) func(*hostileVendor, net.Conn) {
	return func(_ *hostileVendor, conn net.Conn) {
		_, err := conn.Write([]byte(beginning))
		for err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, _ = conn.Read(make([]byte, 1)) // the client sends nothing: a pause
			_, err = conn.Write([]byte(rest))
		}
	}
}

// hostileHeaders are headers around two good rows.
func hostileHeaders() []hostileCase {
	requestID := func(value string) func(*hostileVendor) string {
		return func(v *hostileVendor) string {
			if v.requestID == "" {
				return response("200 OK", "", strings.Replace(v.fine(), `"RequestId":""`, `"RequestId":"`+strings.ReplaceAll(value, "\t", `\t`)+`"`, 1))
			}
			return response("200 OK", v.requestID+": "+value+"\r\n", v.fine())
		}
	}
	return []hostileCase{
		{name: "no colon", wire: header("nonsense\r\n"), want: fails(unavailable, "malformed MIME header")},
		{name: "no name", wire: header(": x\r\n"), want: fails(unavailable, "malformed MIME header")},
		{name: "a NUL in a name", wire: header("\x00: x\r\n"), want: fails(unavailable, "malformed MIME header")},
		{name: "a NUL in a value", wire: header("X: a\x00b\r\n"), want: fails(unavailable, "malformed MIME header")},
		{name: "bytes in a value", wire: header("X: \xff\xfe\r\n"), want: answers(2, "")},
		{name: "folded", wire: header("X: a\r\n b\r\n"), want: answers(2, "")},
		{name: "bare line feeds", wire: func(v *hostileVendor) string { return "HTTP/1.1 200 OK\nX: y\n\n" + v.fine() }, want: answers(2, "")},
		{name: "a space before the colon", wire: header("X : y\r\n"), want: answers(2, "")},
		{name: "HTML by its header", wire: header("Content-Type: text/html\r\n"), want: answers(2, "")},
		{name: "cookies", wire: header(strings.Repeat("Set-Cookie: a=b; HttpOnly\r\n", 1000)), want: answers(2, "")},
		{name: "a content encoding of brotli", wire: header("Content-Encoding: br\r\n"), want: fails(decode, `the coding "br"`)},
		{name: "a content encoding of many", wire: header("Content-Encoding: gzip, br, x\r\n"), want: fails(decode, `the coding "gzip, br, x"`)},
		{name: "a content encoding that would rewrite a terminal", wire: header("Content-Encoding: \u202e\t[2J\r\n"), want: fails(decode, "the coding")},
		{name: "gzip that is none", wire: header("Content-Encoding: gzip\r\n"), want: fails(decode, "not the gzip")},
		{name: "gzip", wire: zipped(func(v *hostileVendor) string { return v.fine() }), want: answers(2, "")},
		{name: "gzip that is cut off", wire: func(v *hostileVendor) string {
			whole := string(gzipped(v.fine()))
			return response("200 OK", "Content-Encoding: gzip\r\n", whole[:len(whole)/2])
		}, want: fails(decode, "not the gzip")},
		{name: "gzip in gzip", wire: zipped(func(v *hostileVendor) string { return string(gzipped(v.fine())) }), want: fails(decode, "HTTP 200")},
		{
			name: "gzip of gigabytes", decoded: vendorapi.DefaultMaxBody, want: fails(decode, "larger than the limit"),
			wire: zipped(func(*hostileVendor) string { return strings.Repeat(" ", 2*vendorapi.DefaultMaxBody) }),
		},
		{
			name: "gzip of gigabytes under 502", decoded: vendorapi.DefaultMaxBody, want: fails(unavailable, "HTTP 502"),
			wire: func(*hostileVendor) string {
				return response("502 Bad", "Content-Encoding: gzip\r\n", string(gzipped(strings.Repeat("<p>", vendorapi.DefaultMaxBody))))
			},
		},
		{name: "a date of words", wire: header("Date: yesterday\r\n"), want: answers(2, "")},
		{name: "a date in year 0", wire: header("Date: Sat, 01 Jan 0000 00:00:00 GMT\r\n"), want: answers(2, "")},
		{name: "a date in year 9999", wire: header("Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"), want: answers(2, "")},
		{name: "two dates", wire: header("Date: Sat, 21 Nov 2026 10:00:00 GMT\r\nDate: Fri, 31 Dec 9999 23:59:59 GMT\r\n"), want: answers(2, "")},
		{name: "a long date", wire: header("Date: " + strings.Repeat("9", 100_000) + "\r\n"), want: answers(2, "")},
		{
			name: "a request id that would rewrite a terminal", want: answers(2, "4c3"),
			wire: requestID("\t4c3\u202e"),
		},
		{
			name: "a long request id", want: answers(2, "4c3"),
			wire: requestID("4c3" + strings.Repeat("0", 100_000)),
		},
		{name: "retry after words", wire: raw(response("429 Slow", "Retry-After: soon\r\n", "")), want: fails(throttled, "HTTP 429")},
		{name: "retry after a negative time", wire: raw(response("429 Slow", "Retry-After: -99999999999999999999\r\n", "")), want: fails(throttled, "HTTP 429")},
		{name: "retry after ages", wire: raw(response("429 Slow", "Retry-After: 99999999999999999999\r\n", "")), want: fails(throttled, "HTTP 429")},
		{name: "retry after year 9999", wire: raw(response("429 Slow", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", "")), want: fails(throttled, "HTTP 429")},
		{name: "retry after 1970", wire: raw(response("503 Busy", "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "")), want: fails(unavailable, "HTTP 503")},
		{name: "a redirect to nowhere", wire: raw(response("302 Found", "", "")), want: fails(unavailable, "HTTP 302")},
		{name: "a redirect to no address", wire: raw(response("302 Found", "Location: http://[::1\r\n", "")), want: fails(unavailable, "failed to parse Location")},
		{name: "a redirect to a long address", wire: raw(response("302 Found", "Location: http://x/"+strings.Repeat("y", 100_000)+"\r\n", "")), want: fails(unavailable, "HTTP 302")},
		{name: "a redirect to a script", wire: raw(response("302 Found", "Location: javascript:alert(1)\r\n", "")), want: fails(unavailable, "HTTP 302")},
		{name: "a header flood", wire: header(manyHeaders(300_000)), want: fails(unavailable, "server response headers exceeded")},
		{name: "a header of 6 MB", wire: header("X: " + strings.Repeat("y", 6_000_000) + "\r\n"), want: fails(unavailable, "server response headers exceeded")},
		{name: "a status line of 6 MB", wire: raw("HTTP/1.1 200 " + strings.Repeat("y", 6_000_000) + "\r\n\r\n"), want: fails(unavailable, "server response headers exceeded")},
	}
}

// zipped answers 200 with a body in gzip.
func zipped(f func(v *hostileVendor) string) func(*hostileVendor) string {
	return func(v *hostileVendor) string {
		return response("200 OK", "Content-Encoding: gzip\r\n", string(gzipped(f(v))))
	}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// manyHeaders is that many headers, each of another name.
func manyHeaders(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d:\r\n", i)
	}
	return b.String()
}
