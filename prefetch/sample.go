package prefetch

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// MostSampled is how many URLs a sample has at most.
const MostSampled = 10

// Sample returns at most so many of the URLs for somebody to ask an edge for, each
// percent-encoded as a request needs it.
//
// The choice depends on the URLs alone: in any order it is the same, and one URL
// more or less changes at most one of it. So whoever asks for them again and again
// asks for the same. Of URLs that differ in their query only there is one, since
// what is kept of a probe is best called by the rest: a query may be a signature.
//
// Left out is what no probe can ask for, or should not: what is neither http nor
// https, has no host, a host that is not ASCII, a user or a password, or a * in its
// path; and what is longer than [MaxURL].
func Sample(urls iter.Seq[string], most int) []string {
	var best []ranked
	for raw := range urls {
		place, _, _ := strings.Cut(raw, "?")
		r := ranked{rank: rank(place)}
		if most <= 0 || len(best) == most && r.rank > best[most-1].rank {
			continue
		}
		var ok bool
		if r.url, ok = askable(raw); !ok {
			continue
		}
		at, same := slices.BinarySearchFunc(best, r, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
		if same {
			best[at].url = min(best[at].url, r.url)
			continue
		}
		best = slices.Insert(best, at, r)
		best = best[:min(len(best), most)]
	}
	var chosen []string
	for _, r := range best {
		chosen = append(chosen, r.url)
	}
	return chosen
}

// ranked is a URL with its place in the order in which URLs are chosen.
type ranked struct {
	rank uint64
	url  string
}

// rank is as good as drawn by lot, and yet the same every time.
func rank(place string) uint64 {
	sum := sha256.Sum256([]byte(place))
	return binary.BigEndian.Uint64(sum[:])
}

// askable returns the URL as a request needs it, and whether it can be asked for.
func askable(raw string) (string, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil ||
		u.Hostname() == "" || strings.ContainsFunc(u.Host, notASCII) || strings.Contains(u.Path, "*") {
		return "", false
	}
	u.Fragment, u.RawFragment = "", "" // no request carries it
	u.RawQuery = encodeQuery(u.RawQuery)
	text := u.String()
	return text, len(text) <= MaxURL
}

func notASCII(r rune) bool { return r >= utf8.RuneSelf }

// encodeQuery encodes what cannot stand in a query, and leaves the rest as it is:
// to an edge, another spelling is another URL.
func encodeQuery(query string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>", c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&0xf]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
