package vendorapi_test

import (
	"fmt"
	"net"
	"strings"
	"unicode/utf16"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/volcengine"
)

// hostileBodies are bodies of a success that are not as any vendor writes them.
func hostileBodies() []hostileCase {
	none := answers(0, "has no row, although 2 rows match")
	cases := []hostileCase{
		{name: "nothing", wire: sends(""), want: fails(decode, "HTTP 200")},
		{name: "blanks", wire: sends(" \r\n\t "), want: fails(decode, "HTTP 200")},
		{name: "a page", wire: sends(page), want: fails(decode, "<title>Bad name</title>")},
		{name: "XML", wire: sends(`<?xml version="1.0"?><resultDetail/>`), want: fails(decode, "<?xml")},
		{name: "words", wire: sends("OK"), want: fails(decode, "OK")},
		{name: "a null", wire: sends("null"), want: fails(decode, "")},
		{name: "a true", wire: sends("true"), want: fails(decode, "")},
		{name: "a number", wire: sends("1"), want: fails(decode, "")},
		{name: "a text", wire: sends(`"success"`), want: fails(decode, "")},
		{name: "an empty object", wire: sends("{}"), want: fails(decode, "the answer has no "), but: map[string]outcome{
			huaweicloud.Name: answers(0, "the answer has no preheating_results"),
		}},
		{name: "an empty list", wire: sends("[]"), want: fails(decode, "")},
		{name: "a list of rows alone", wire: sendsOf(func(v *hostileVendor) string { return "[" + v.good("u") + "]" }), want: fails(decode, "")},
		{name: "two objects", wire: sendsOf(func(v *hostileVendor) string { return v.fine() + v.fine() }), want: fails(decode, "after top-level value")},
		{name: "words after the object", wire: sendsOf(func(v *hostileVendor) string { return v.fine() + " ok" }), want: fails(decode, "after top-level value")},
		{name: "a NUL after the object", wire: sendsOf(func(v *hostileVendor) string { return v.fine() + "\x00" }), want: fails(decode, "after top-level value")},
		{name: "a script around the object", wire: sendsOf(func(v *hostileVendor) string { return "callback(" + v.fine() + ");" }), want: fails(decode, "callback(")},
		{name: "blanks around the object", wire: sendsOf(func(v *hostileVendor) string { return "\r\n\t " + v.fine() + "\r\n" }), want: answers(2, "")},
		{name: "UTF-16", wire: sendsOf(func(v *hostileVendor) string { return inUTF16(v.fine()) }), want: fails(decode, "HTTP 200")},
		{name: "a byte order mark first", wire: sendsOf(func(v *hostileVendor) string { return "\uFEFF" + v.fine() }), want: answers(2, "")},
		{name: "a byte order mark alone", wire: sends("\uFEFF"), want: fails(decode, "HTTP 200")},
		{name: "single quotes", wire: sendsOf(func(v *hostileVendor) string { return strings.ReplaceAll(v.fine(), `"`, `'`) }), want: fails(decode, "")},
		{name: "a comma too many", wire: list("[{},]"), want: fails(decode, "invalid character")},
		{name: "no comma", wire: list("[{}{}]"), want: fails(decode, "invalid character")},
		{name: "a comment", wire: list("[/* none */]"), want: fails(decode, "invalid character")},
		{name: "not a number", wire: list("[NaN]"), want: fails(decode, "invalid character")},
		{name: "a control character in a text", wire: list("[\"\x01\"]"), want: fails(decode, "invalid character")},
		{name: "a wrong escape", wire: list(`["\x41"]`), want: fails(decode, "invalid character")},
		{name: "a list of null", wire: list("null"), want: answers(0, ""), counted: none, but: map[string]outcome{
			huaweicloud.Name: answers(0, "the answer has no preheating_results"),
		}},
		{name: "a list of false", wire: list("false"), want: fails(decode, "is not a list: false")},
		{name: "a list of 0", wire: list("0"), want: fails(decode, "is not a list: 0")},
		{name: "a list of text", wire: list(`"none"`), want: fails(decode, "is not a list")},
		{name: "a list that is an object", wire: list(`{"0":{}}`), want: fails(decode, "is not a list")},
		{name: "a list without elements", wire: list("[]"), want: answers(0, ""), counted: none},
		{
			name: "a key in capitals", want: answers(2, ""),
			wire: sendsOf(func(v *hostileVendor) string {
				return strings.NewReplacer("preheating_results", "PREHEATING_RESULTS", "resultDetail", "RESULTDETAIL", "Tasks", "TASKS", "Response", "RESPONSE").Replace(v.fine())
			}),
		},
		{
			name: "the list twice", want: answers(2, ""),
			wire: sendsOf(func(v *hostileVendor) string {
				return strings.TrimSuffix(v.rows(), "}") + "," + strings.TrimPrefix(v.fine(), "{")
			}),
		},
		{
			name: "other keys and odd values", want: answers(2, ""),
			wire: sendsOf(func(v *hostileVendor) string {
				return `{"":[],"a":{"b":[{"c":null}]},"n":1e999999,"l":` + strings.Repeat("7", 10_000) + "," + strings.TrimPrefix(v.fine(), "{")
			}),
		},
		{
			name: "the request's credentials in a page", want: fails(unavailable, "<secret>"),
			wire: raw(response("502 Bad", "", "<p>X-Auth-Token: "+hostileSecret+"</p><p>api key "+hostileSecret+"</p>")),
		},
	}
	for _, part := range []int{1, 2, 3} {
		cases = append(cases, hostileCase{
			name: fmt.Sprintf("cut off after %d quarters", part), want: fails(decode, "unexpected end of JSON input"),
			wire: sendsOf(func(v *hostileVendor) string { return v.fine()[:len(v.fine())*part/4] }),
		})
	}
	return cases
}

func inUTF16(text string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune("\uFEFF" + text)) {
		b.WriteByte(byte(unit & 0xff))
		b.WriteByte(byte(unit >> 8))
	}
	return b.String()
}

// cutURL is what is said of a URL that is longer than any that was submitted.
const cutURL = "a row has a url of more than 8192 bytes, of which the rest is cut"

// hostileRows are rows that are not as documented. Each counts, as far as it can
// be told that there is one.
func hostileRows() []hostileCase {
	elements := func(e ...string) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string { return v.rows(append(e, v.good("u"))...) })
	}
	url := func(value string) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string { return v.rows(v.row(value, `"`+v.succeeded+`"`), v.good("u")) })
	}
	status := func(value string) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string { return v.rows(v.row(`"u"`, value), v.good("u")) })
	}
	// What a vendor's rows have besides, each of them with a value.
	others := func(value string) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string {
			extra := ""
			for _, key := range []string{"beginTime", "createTime", "finishTime", "rate"} {
				extra += `,"` + key + `":` + value
			}
			return v.rows(strings.TrimSuffix(v.good("u"), "}")+extra+"}", v.good("u"))
		})
	}
	noObject := map[string]outcome{huaweicloud.Name: answers(2, "a row is no JSON object")}
	// Volcengine counts seconds since 1970 in a field of nearly the same name.
	noTime := func(shown string) map[string]outcome {
		const time = "is not a time"
		return map[string]outcome{
			cdnetworks.Name: answers(2, shown), volcengine.Name: answers(2, "is not a time in seconds since 1970"),
			tencentcloud.EdgeOneName: answers(2, time), tencentcloud.CDNName: answers(2, time),
		}
	}
	text := map[string]outcome{huaweicloud.Name: answers(2, "has no url, or one that is not text")}
	return []hostileCase{
		{name: "a row of null", wire: elements("null"), want: answers(2, "a row is not an object"), but: noObject},
		{name: "a row of 0", wire: elements("0"), want: answers(2, "a row is not an object"), but: noObject},
		{name: "a row of text", wire: elements(`"u"`), want: answers(2, "a row is not an object"), but: noObject},
		{name: "a row of rows", wire: elements(`[{}]`), want: answers(2, "a row is not an object"), but: noObject},
		{name: "an empty row", wire: elements("{}"), want: answers(2, "a row has no")},
		{name: "rows of every kind", wire: elements("null", "true", "-1e5", `""`, "[]", "{}"), want: answers(7, "a row is not an object"), but: map[string]outcome{
			huaweicloud.Name: answers(7, "a row is no JSON object"),
		}},
		{name: "a URL of null", wire: url("null"), want: answers(2, "a row has no url")},
		{name: "a URL of nothing", wire: url(`""`), want: answers(2, "a row has no url"), but: map[string]outcome{huaweicloud.Name: answers(2, "")}},
		{name: "a URL of 7", wire: url("7"), want: answers(2, ""), but: text},
		{name: "a URL of true", wire: url("true"), want: answers(2, ""), but: text},
		{name: "a URL of lists", wire: url(`["u"]`), want: answers(2, ""), but: text},
		{name: "a URL of objects", wire: url(`{"u":1}`), want: answers(2, ""), but: text},
		{name: "a URL of bytes", wire: url("\"\xff\xfe\""), want: answers(2, "")},
		{name: "a URL of half a character", wire: url(`"\ud800"`), want: answers(2, "")},
		{name: "a URL of controls", wire: url(`"\u0000\u001b[2J\u202e"`), want: answers(2, "")},
		{name: "a URL of a script", wire: url(`"javascript:alert(1)//<script>"`), want: answers(2, "")},
		{name: "a URL of 8 KiB", wire: url(`"` + strings.Repeat("u", vendorapi.MaxText) + `"`), want: answers(2, "")},
		{name: "a URL of 8 KiB and a byte", wire: url(`"` + strings.Repeat("u", vendorapi.MaxText+1) + `"`), want: answers(2, cutURL)},
		{name: "a URL of 8 KiB and half a character", wire: url(`"` + strings.Repeat("u", vendorapi.MaxText-1) + `é"`), want: answers(2, cutURL)},
		{name: "a status of null", wire: status("null"), want: answers(2, "a row has no status")},
		{name: "a status of nothing", wire: status(`""`), want: answers(2, "a row has no status")},
		{name: "a status of 1", wire: status("1"), want: answers(2, "1")},
		{name: "a status of lists", wire: status(`["x"]`), want: answers(2, `["x"]`)},
		{name: "a status of objects", wire: status(`{"x":1}`), want: answers(2, `{"x":1}`)},
		{name: "a status of an unknown word", wire: status(`"frozen"`), want: answers(2, "frozen")},
		{name: "a status that would rewrite a terminal", wire: status(`"fro\u001b[2J\u202ezen"`), want: answers(2, "fro[2Jzen")},
		{name: "a status of bytes", wire: status("\"\xff\""), want: answers(2, "\uFFFD")},
		{name: "a status of the credentials", wire: status(`"` + hostileSecret + `"`), want: answers(2, "<secret>")},
		{name: "a status of a megabyte", wire: status(`"` + strings.Repeat("z", 1<<20) + `"`), want: answers(2, "zzz…")},
		{name: "the same key twice", wire: elements(`{"url":"a","url":"b","status":"frozen","status":"thawed"}`), want: answers(2, "thawed")},
		{name: "other values of null", wire: others("null"), want: answers(2, "")},
		{name: "other values of nothing", wire: others(`""`), want: answers(2, "")},
		{name: "other values of lists", wire: others("[1]"), want: answers(2, ""), but: noTime(`rate "[1]" is not a number from 0 to 100`)},
		{name: "other values of 1e999", wire: others("1e999"), want: answers(2, ""), but: noTime(`rate "1e999" is not a number from 0 to 100`)},
		{name: "other values below 0", wire: others("-0.1"), want: answers(2, ""), but: noTime(`rate "-0.1" is not a number from 0 to 100`)},
		{name: "other values of NaN", wire: others(`"NaN"`), want: answers(2, ""), but: noTime(`rate "NaN" is not a number from 0 to 100`)},
		{name: "times in year 0", wire: others(`"0000-00-00 00:00:00"`), want: answers(2, ""), but: noTime("is not a time")},
		{name: "times in year 9999", wire: others(`"9999-12-31 23:59:59"`), want: answers(2, ""), but: noTime("is not a time")},
		{name: "times of 30 February", wire: others(`"2026-02-30 00:00:00"`), want: answers(2, ""), but: noTime("is not a time")},
		{name: "times with a leap second", wire: others(`"2026-12-31 23:59:60"`), want: answers(2, ""), but: noTime("is not a time")},
		{name: "times in milliseconds", wire: others("1795255200000"), want: answers(2, ""), but: map[string]outcome{
			cdnetworks.Name: answers(2, "is not a time"), volcengine.Name: answers(2, "is in milliseconds"),
			tencentcloud.EdgeOneName: answers(2, "is not a time"), tencentcloud.CDNName: answers(2, "is not a time"),
		}},
	}
}

// hostileFloods are answers of which there is much. Each is told apart by what it
// would cost to take it in.
func hostileFloods() []hostileCase {
	many := func(n int, element string) func(*hostileVendor) string {
		return list("[" + strings.Repeat(element+",", n-1) + element + "]")
	}
	goods := func(n int) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string {
			return v.envelope("[" + strings.Repeat(v.good("https://example.com/a")+",", n-1) + v.good("https://example.com/b") + "]")
		})
	}
	// A row's text of so many bytes, an answer with rows of it in all.
	long := func(text string, times int) func(*hostileVendor) string {
		return sendsOf(func(v *hostileVendor) string {
			return v.rows(v.row(`"`+strings.Repeat(text, times)+`"`, `"`+v.succeeded+`"`))
		})
	}
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	tooMany := fmt.Sprintf("has more than %d rows", vendorapi.MaxRows)
	const most = 8 << 20
	return []hostileCase{
		{name: "20,000 rows", wire: goods(vendorapi.MaxRows), want: answers(vendorapi.MaxRows, ""), counted: answers(vendorapi.MaxRows, "count 2 is less than the 20000 rows of the page")},
		{name: "20,001 rows", wire: goods(vendorapi.MaxRows + 1), want: fails(decode, tooMany)},
		{name: "20,000 rows of two bytes", wire: many(vendorapi.MaxRows, "0"), want: answers(vendorapi.MaxRows, "a row is n")},
		{name: "3,000,000 rows of two bytes", wire: many(3_000_000, "0"), want: fails(decode, tooMany)},
		{name: "1,000,000 rows of three bytes", wire: many(1_000_000, "{}"), want: fails(decode, tooMany)},
		{name: "300,000 rows of null", wire: many(300_000, "null"), want: fails(decode, tooMany)},
		{name: "300,000 rows of lists", wire: many(300_000, "[[],[]]"), want: fails(decode, tooMany)},
		{name: "1,000 unknown words", wire: sendsOf(func(v *hostileVendor) string {
			rows := make([]string, 1000)
			for i := range rows {
				rows[i] = v.row(`"u"`, fmt.Sprintf(`"%d%s"`, i, strings.Repeat("w", 1000)))
			}
			return v.rows(rows...)
		}), want: answers(1000, "www…")},
		{name: "a URL of 6 MB that grows in JSON", wire: long("<", 6_000_000), want: answers(1, cutURL)},
		{name: "a URL of 9 MB", wire: long("u", 9_000_000), want: answers(1, cutURL)},
		{name: "a URL of 1,000,000 escapes", wire: long(`\u0001`, 1_000_000), want: answers(1, cutURL)},
		{name: "a URL of 3,000,000 bytes that are no text", wire: long("\xff", 3_000_000), want: answers(1, cutURL)},
		{name: "300 URLs of 10 KB", wire: sendsOf(func(v *hostileVendor) string {
			row := v.good("https://example.com/" + strings.Repeat("u", 10_000))
			return v.envelope("[" + strings.Repeat(row+",", 299) + row + "]")
		}), want: answers(300, cutURL)},
		{name: "a row of 200,000 keys", wire: sendsOf(func(v *hostileVendor) string {
			var b strings.Builder
			for i := range 200_000 {
				fmt.Fprintf(&b, `,"%d":0`, i)
			}
			return v.rows(strings.TrimSuffix(v.good("u"), "}") + b.String() + "}")
		}), want: answers(1, ""), counted: answers(1, "although 2 rows match")},
		{name: "an object of 200,000 keys", wire: sendsOf(func(v *hostileVendor) string {
			var b strings.Builder
			b.WriteString("{")
			for i := range 200_000 {
				fmt.Fprintf(&b, `"%d":0,`, i)
			}
			return b.String() + strings.TrimPrefix(v.fine(), "{")
		}), want: answers(2, "")},
		{name: "the list 100,000 times", wire: sendsOf(func(v *hostileVendor) string {
			member := strings.TrimSuffix(strings.TrimPrefix(v.rows("0", "1"), "{"), "}")
			return "{" + strings.Repeat(member+",", 99_999) + member + "}"
		}), want: answers(2, "a row is n")},
		{name: "a key of 6 MB", wire: sends(`{"` + strings.Repeat("k", 6_000_000) + `":0}`), want: fails(decode, "the answer has no "), but: map[string]outcome{
			huaweicloud.Name: answers(0, "the answer has no preheating_results"),
		}},
		{name: "6 MB of blanks", wire: sendsOf(func(v *hostileVendor) string { return strings.Repeat(" ", 6_000_000) + v.fine() }), want: answers(2, "")},
		{name: "a number of 6 MB", wire: list("[" + strings.Repeat("9", 6_000_000) + "]"), want: answers(1, "a row is n")},
		{name: "lists 10,000 deep", wire: list(deep("[", "]", 10_000)), want: fails(decode, "exceeded max depth")},
		{name: "lists 1,000,000 deep", wire: list(deep("[", "]", 1_000_000)), want: fails(decode, "exceeded max depth")},
		{name: "objects 300,000 deep", wire: list("[" + deep(`{"url":`, "}", 300_000) + "]"), want: fails(decode, "")},
		{name: "lists without end", wire: sends(strings.Repeat("[", 6_000_000)), want: fails(decode, "")},
		{name: "a page of 6 MB", wire: sends(strings.Repeat("<p>é ", 1_200_000)), want: fails(decode, "<p>é <p>é")},
		{name: "a page of 6 MB under 502", wire: raw(response("502 Bad", "", strings.Repeat("<p>é ", 1_200_000))), want: fails(unavailable, "<p>é <p>é")},
		{name: "an error of 6 MB in JSON", wire: raw(response("400 Bad", "", `{"error_code":"`+strings.Repeat("c", 3_000_000)+`","message":"`+strings.Repeat("m", 3_000_000)+`"}`)), want: fails(unavailable, "mmm…"), but: map[string]outcome{
			huaweicloud.Name:         fails("invalid", "ccc…"),
			huaweicloud.CDNName:      fails("invalid", "ccc…"),
			tencentcloud.EdgeOneName: fails(unavailable, "ccc…"),
			tencentcloud.CDNName:     fails(unavailable, "ccc…"),
		}},
		{
			name: "a body without end", want: fails(decode, "larger than the limit of 33554432 bytes"),
			serve: func(_ *hostileVendor, conn net.Conn) {
				_, err := conn.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
				for blanks := []byte(strings.Repeat(" ", most)); err == nil; {
					_, err = conn.Write(blanks)
				}
			},
		},
		{name: "a body one byte too long", wire: sends(strings.Repeat(" ", vendorapi.DefaultMaxBody+1)), want: fails(decode, "larger than the limit")},
	}
}
