package prefetch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
)

// What can be asked for is encoded as a request needs it; the rest is left out.
func TestSampleEncodes(t *testing.T) {
	t.Parallel()
	const none = ""
	for raw, want := range map[string]string{
		"https://example.com/a.mp4":                          "https://example.com/a.mp4",
		"HTTP://example.com:8080/a.mp4":                      "http://example.com:8080/a.mp4",
		"http://[2001:db8::1]/a":                             "http://[2001:db8::1]/a",
		"https://example.com/dir/":                           "https://example.com/dir/",
		"https://example.com":                                "https://example.com",
		"https://example.com/a b/視.mp4":                      "https://example.com/a%20b/%E8%A6%96.mp4",
		"https://example.com/a%20b%2Fc.mp4":                  "https://example.com/a%20b%2Fc.mp4",
		"https://example.com/\xff":                           "https://example.com/%FF",
		"https://example.com/a?b=1&c=%2F+d;e":                "https://example.com/a?b=1&c=%2F+d;e",
		"https://example.com/a?視=<b c>\"":                    "https://example.com/a?%E8%A6%96=%3Cb%20c%3E%22",
		"https://example.com/a?auth_key=1-0-0-abc":           "https://example.com/a?auth_key=1-0-0-abc",
		"https://example.com/a?b#c":                          "https://example.com/a?b",
		"https://user:password@example.com/a":                none,
		"https://user@example.com/a":                         none,
		"https://例え.jp/a":                                    none,
		"https://example.com/*.mp4":                          none,
		"https://example.com/%zz":                            none,
		"https://example.com/a\nb":                           none,
		"https:///a":                                         none,
		"http: //example.com/a":                              none,
		"https:a":                                            none,
		"ftp://example.com/a":                                none,
		"file:///etc/passwd":                                 none,
		"gopher://127.0.0.1:6379/_FLUSHALL":                  none,
		"example.com/a":                                      none,
		"//example.com/a":                                    none,
		"/a":                                                 none,
		"":                                                   none,
		"https://example.com/" + strings.Repeat("a", 2028):   "https://example.com/" + strings.Repeat("a", 2028),
		"https://example.com/" + strings.Repeat("a", 2029):   none,
		"https://example.com/" + strings.Repeat("視", 2028/3): none,
	} {
		got := strings.Join(prefetch.Sample(slices.Values([]string{raw}), 1), " ")
		if got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
		if again := strings.Join(prefetch.Sample(slices.Values([]string{got}), 1), " "); again != got {
			t.Errorf("%q: %q, and from that %q", raw, got, again)
		}
	}
}

// The sample is the same in any order, has of URLs that differ in their query only
// one, and changes by at most one URL where one comes or goes.
func TestSampleIsStable(t *testing.T) {
	t.Parallel()
	var urls []string
	for i := range 100 {
		u := fmt.Sprintf("https://example.com/%02d.ts", i)
		urls = append(urls, u+"?sign=b", u+"?sign=a", u+"?sign=c", "/"+u)
	}
	const most = 5
	want := prefetch.Sample(slices.Values(urls), most)
	if len(want) != most {
		t.Fatalf("%q", want)
	}
	for _, u := range want {
		if !strings.HasSuffix(u, "?sign=a") {
			t.Errorf("%s was chosen by chance", u)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		random.Shuffle(len(urls), func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
		if got := prefetch.Sample(slices.Values(urls), most); !slices.Equal(got, want) {
			t.Errorf("%q in another order, want %q", got, want)
		}
		one := urls[0]
		got := prefetch.Sample(slices.Values(urls[1:]), most)
		if gone := slices.DeleteFunc(slices.Clone(want), func(u string) bool { return slices.Contains(got, u) }); len(gone) > 1 {
			t.Errorf("without %s, %q are gone", one, gone)
		}
	}
	if fewer := prefetch.Sample(slices.Values(urls), 3); !slices.Equal(fewer, want[:3]) {
		t.Errorf("%q are not the first of %q", fewer, want)
	}
	if none := prefetch.Sample(slices.Values(urls), 0); len(none) != 0 {
		t.Errorf("%q", none)
	}
	if last := want[most-1]; slices.Compare(want, slices.Sorted(slices.Values(want))) == 0 {
		t.Errorf("they are in their own order, up to %s: the choice is of the first ones", last)
	}
}
