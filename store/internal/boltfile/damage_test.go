package boltfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/store/internal/boltfile"
)

func TestDamage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(t *testing.T, data []byte) []byte
		want   string
	}{
		{"empty", func(*testing.T, []byte) []byte { return nil }, "ends before byte 80"},
		{"cut in the second meta page", func(_ *testing.T, d []byte) []byte { return d[:pageSize+10] }, "ends before byte 4176"},
		{"cut before the last page", func(_ *testing.T, d []byte) []byte { return d[:4*pageSize] }, "pages of 4096 bytes in a file of 16384"},
		{"another program's", func(_ *testing.T, d []byte) []byte { d[16]++; return d }, "byte 0: not bbolt's"},
		{"another format", func(_ *testing.T, d []byte) []byte { d[20] = 9; return d }, "byte 0: bbolt format 9"},
		{"first checksum", func(_ *testing.T, d []byte) []byte { d[16+50]++; return d }, "byte 0: checksum differs"},
		{"second checksum", func(_ *testing.T, d []byte) []byte { d[pageSize+16+50]++; return d }, "byte 4096: checksum differs"},
		{"meta flags", func(_ *testing.T, d []byte) []byte { d[8] = 2; return d }, "byte 0: flags 0x2"},
		{"meta page's number", func(_ *testing.T, d []byte) []byte { d[0] = 1; return d }, "page 0: says that it is page 1"},
		{"page size", func(_ *testing.T, d []byte) []byte {
			order.PutUint32(d[16+8:], 4095)
			meta{d[16:][:64]}.seal()
			return d
		}, "byte 0: page size 4095"},
		{"two page sizes", func(_ *testing.T, d []byte) []byte {
			m := meta{d[pageSize+16:][:64]}
			order.PutUint32(m.data[8:], 8192)
			m.seal()
			return d
		}, "meta pages tell page sizes 4096 and 8192"},
		{"more pages than there are", metaField(40, 1<<60), "1152921504606846976 pages of 4096 bytes"},
		{"no pages", metaField(40, 1), "1 pages of 4096 bytes"},
		{"root is a meta page", metaField(16, 1), "page 1 of"},
		{"root is far away", metaField(16, 1<<62), "page 4611686018427387904 of"},
		{"freelist is far away", metaField(32, 1<<62), "page 4611686018427387904 of"},
		{"page number", rootPage(func(p []byte) { p[0]++ }), "says that it is page"},
		{"page flags", rootPage(func(p []byte) { p[8] = 0x10 }), "flags 0x10 in a tree"},
		{"page length", rootPage(func(p []byte) { order.PutUint32(p[12:], 1<<31) }), "2147483649 pages long in a file of"},
		{"page count", rootPage(func(p []byte) { order.PutUint16(p[10:], 0xffff) }), "65535 elements in 4096 bytes"},
		{"element flags", rootPage(func(p []byte) { element(p, 0)[0] = 6 }), "element 0: flags 0x6"},
		{"value's size", rootPage(func(p []byte) { order.PutUint32(element(p, 0)[12:], 0xffffffff) }), "element 0: ends at byte"},
		{"no key", rootPage(func(p []byte) { order.PutUint32(element(p, 0)[8:], 0) }), "element 0: no key"},
		{"order of keys", rootPage(func(p []byte) {
			e := element(p, 0)
			e[order.Uint32(e[4:])] = 'z'
		}), "element 1: not after the one before"},
		{"bucket's header", rootPage(func(p []byte) { order.PutUint32(element(p, 0)[12:], 3) }), "header of 3 bytes"},
		{"bucket's page is another's", func(t *testing.T, d []byte) []byte {
			t.Helper()
			e := element(page(d, newerMeta(d).root()), 0)
			order.PutUint64(e[order.Uint32(e[4:])+order.Uint32(e[8:]):], uint64(bucketPage(t, d, "outer")))
			return d
		}, "referred to twice"},
		{"branch without children", branchPage(func(p []byte) { clear(p[10:12]) }), "no elements, but data"},
		{"empty branch", branchPage(func(p []byte) { clear(p[10:12]); clear(p[16 : 2*pageSize]) }), "a branch without children"},
		{"count too small", rootPage(func(p []byte) { p[10]-- }), "element 0: begins at byte 48 instead of 32"},
		{"branch count too small", branchPage(func(p []byte) { p[10]-- }), "element 0: begins at byte 80 instead of 64"},
		{"empty leaf", func(t *testing.T, d []byte) []byte {
			t.Helper()
			p := page(d, bucketPage(t, d, "deep"))
			for order.Uint16(p[8:]) == 1 {
				p = page(d, int(order.Uint64(element(p, 0)[8:])))
			}
			clear(p[10:12])
			clear(p[16:pageSize])
			return d
		}, "no elements below a branch"},
		{"branch in a circle", branchPage(func(p []byte) { copy(element(p, 0)[8:16], p[:8]) }), "referred to twice"},
		{"branch count", branchPage(func(p []byte) { order.PutUint16(p[10:], 0xffff) }), "65535 elements in"},
		{"first branch key", branchPage(func(p []byte) { order.PutUint32(element(p, 0), 0xffffffff) }), "element 0: begins at byte"},
		{"second branch key", branchPage(func(p []byte) { order.PutUint32(element(p, 1), 0xffffffff) }), "element 1: begins at byte"},
		{"order of branch keys", branchPage(func(p []byte) {
			e := element(p, 1)
			copy(e[order.Uint32(e):], "0000")
		}), "element 0: belongs to a later page"},
		{"child's key is another", branchPage(func(p []byte) {
			e := element(p, 0)
			e[order.Uint32(e)+4]--
		}), "not the key that led to it"},
		{"child's keys after it", branchPage(func(p []byte) {
			e := element(p, 1)
			copy(e[order.Uint32(e):], "0001")
		}), "belongs to a later page"},
		{"inline page's size", inlineBucket(func(e []byte) { order.PutUint32(e[12:], 20) }), "inline page of 4 bytes"},
		{"inline page's flags", inlineBucket(func(e []byte) { inlinePage(e)[8] = 1 }), "inline page with flags 0x1"},
		{"inline page's count", inlineBucket(func(e []byte) { inlinePage(e)[10] = 200 }), "200 elements in"},
		{"bucket in an inline page", inlineBucket(func(e []byte) { element(inlinePage(e), 0)[0] = 1 }), "inside an inline bucket"},
		{"freelist's flags", freelistPage(func(p []byte) { p[8] = 2 }), "flags 0x2 instead of a freelist"},
		{"freelist's count", freelistPage(func(p []byte) { order.PutUint16(p[10:], 0xfffe) }), "65534 free pages in 4080 bytes"},
		{"freelist's long count", freelistPage(func(p []byte) {
			order.PutUint16(p[10:], 0xffff)
			order.PutUint64(p[16:], 1<<61)
		}), "2305843009213693952 free pages in 4072 bytes"},
		{"freelist's count too small", freelistPage(func(p []byte) { p[10]-- }), "neither free nor in use"},
		{"free page is in use", freelistPage(func(p []byte) { copy(p[16:24], p[:8]) }), "in use, or free twice"},
		{"free page is free twice", freelistPage(func(p []byte) { copy(p[16:24], p[24:32]) }), "in use, or free twice"},
		{"free page is a meta page", freelistPage(func(p []byte) { order.PutUint64(p[16:], 1) }), "free page 1 of"},
		{"free page is far away", freelistPage(func(p []byte) { order.PutUint64(p[16:], 1<<40) }), "free page 1099511627776 of"},
		{"too deep", func(*testing.T, []byte) []byte { return chain(100) }, "more than 64 levels"},
	}
	data := base(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := entries(test.damage(t, bytes.Clone(data)))
			if !errors.Is(err, boltfile.ErrDamaged) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

// metaField changes a number of the newer meta page, checksum and all.
func metaField(at int, value uint64) func(*testing.T, []byte) []byte {
	return func(_ *testing.T, data []byte) []byte {
		m := newerMeta(data)
		order.PutUint64(m.data[at:], value)
		m.seal()
		return data
	}
}

func rootPage(change func(p []byte)) func(*testing.T, []byte) []byte {
	return func(_ *testing.T, data []byte) []byte {
		change(page(data, newerMeta(data).root()))
		return data
	}
}

func branchPage(change func(p []byte)) func(*testing.T, []byte) []byte {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		change(page(data, bucketPage(t, data, "deep")))
		return data
	}
}

// inlineBucket changes the element of the bucket "inline" in "outer".
func inlineBucket(change func(e []byte)) func(*testing.T, []byte) []byte {
	return func(t *testing.T, data []byte) []byte {
		t.Helper()
		change(element(page(data, bucketPage(t, data, "outer")), 1))
		return data
	}
}

func inlinePage(e []byte) []byte { return e[order.Uint32(e[4:])+order.Uint32(e[8:])+16:] }

func freelistPage(change func(p []byte)) func(*testing.T, []byte) []byte {
	return func(_ *testing.T, data []byte) []byte {
		change(page(data, newerMeta(data).freelist()))
		return data
	}
}

// chain is a file of branch pages with one child each.
func chain(length int) []byte {
	data := make([]byte, (length+2)*pageSize)
	for i := range 2 {
		p := page(data, i)
		order.PutUint64(p, uint64(i))
		order.PutUint16(p[8:], 4)
		m := meta{p[16:][:64]}
		order.PutUint32(m.data, 0xED0CDAED)
		order.PutUint32(m.data[4:], 2)
		order.PutUint32(m.data[8:], pageSize)
		order.PutUint64(m.data[16:], 2)
		order.PutUint64(m.data[32:], ^uint64(0))
		order.PutUint64(m.data[40:], uint64(length+2))
		m.seal()
	}
	for i := range length {
		p := page(data, i+2)
		order.PutUint64(p, uint64(i+2))
		order.PutUint16(p[8:], 1)
		order.PutUint16(p[10:], 1)
		e := element(p, 0)
		order.PutUint32(e, 16)
		order.PutUint32(e[4:], 1)
		order.PutUint64(e[8:], uint64(i+3))
		e[16] = 'k'
	}
	return data
}

// FuzzDamage changes bytes of a file. If the walk finds nothing wrong, then
// bbolt must be able to use it, and read what the walk read.
func FuzzDamage(f *testing.F) {
	data := base(f)
	f.Add([]byte{}, uint32(len(data)), false)
	f.Add(change(0, 1), uint32(len(data)), false)
	f.Add([]byte{0x10, 0x01, 0x00, 0x00, 0xff}, uint32(len(data)), false)
	for _, seal := range []bool{false, true} {
		for _, at := range []int{16 + 16, 16 + 32, 16 + 40} { // root, freelist, pages
			f.Add(change(at, 1, pageSize+at, 1), uint32(len(data)), seal)
		}
		for id := 2; id < len(data)/pageSize; id += 3 {
			for _, at := range []int{0, 8, 10, 12, 16, 20, 24, 28, 32, 48} {
				f.Add(change(id*pageSize+at, 3), uint32(len(data)), seal)
			}
		}
	}
	f.Fuzz(func(t *testing.T, changes []byte, length uint32, seal bool) {
		damaged := bytes.Clone(data)
		for ; len(changes) >= 5; changes = changes[5:] {
			damaged[int(binary.LittleEndian.Uint32(changes))%len(damaged)] ^= changes[4]
		}
		if seal {
			meta{damaged[16:][:64]}.seal()
			meta{damaged[pageSize+16:][:64]}.seal()
		}
		damaged = damaged[:min(int(length), len(damaged))]

		got, err := entries(damaged)
		if err != nil {
			if !errors.Is(err, boltfile.ErrDamaged) {
				t.Errorf("no reading failed, but: %v", err)
			}
			return
		}
		if diff := cmp.Diff(agree(t, damaged), got); diff != "" {
			t.Errorf("-bbolt +walk:\n%s", diff)
		}
	})
}

// change encodes pairs of a byte's place and what to flip in it.
func change(pairs ...int) []byte {
	var encoded []byte
	for i := 0; i < len(pairs); i += 2 {
		encoded = binary.LittleEndian.AppendUint32(encoded, uint32(pairs[i]))
		encoded = append(encoded, byte(pairs[i+1]))
	}
	return encoded
}
