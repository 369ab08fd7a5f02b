// Package boltfile reads a bbolt file without mapping it into memory and proves
// that bbolt can be let loose on it.
//
// bbolt trusts its pages. On a damaged file it panics, partly in goroutines of
// its own where nothing can recover; it reads outside its memory map, which is
// a fatal fault; it allocates what a damaged count says; and where pages form a
// circle it recurses until the stack ends the process. Its own Tx.Check does
// the same. So this package reads the pages through [io.ReaderAt], trusts none
// of them, and visits each at most once.
//
// It knows bbolt's file format (version 2, go.etcd.io/bbolt/internal/common)
// and nothing of what is kept in it.
package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// ErrDamaged is wrapped by every error that says that the file is not a whole
// bbolt file. Other errors are those of reading it.
var ErrDamaged = errors.New("not a whole bbolt file")

// Entry is one entry of a bucket. Its slices are valid during the visit only.
type Entry struct {
	// Path is the names of the buckets around the entry, outermost first.
	Path [][]byte
	Key  []byte
	// Bucket says that the entry is a bucket; it has no Value.
	Bucket bool
	Value  []byte
}

// The layout of the file: a page is a header, then elements, then data. Numbers
// are in the byte order of the machine that wrote them.
const (
	magic         = 0xED0CDAED
	formatVersion = 2

	pageHeaderSize   = 16 // id 8, flags 2, count 2, overflow 4
	elementSize      = 16 // of branch and leaf pages alike
	bucketHeaderSize = 16 // root page 8, sequence 8
	pageIDSize       = 8

	branchFlag   = 0x01
	leafFlag     = 0x02
	metaFlag     = 0x04
	freelistFlag = 0x10

	bucketEntryFlag = 0x01

	// manyIDs in the count of a freelist says that the true count is its first id.
	manyIDs = 0xFFFF
	// noFreelist instead of a freelist's page says that none was written.
	noFreelist = ^uint64(0)
	// firstPage is the first that is no meta page.
	firstPage = 2

	minPageSize = 1 << 10
	maxPageSize = 16 << 20

	// maxDepth bounds the pages between a root and a leaf, buckets in buckets
	// included. A real tree of this depth would not fit on any disk.
	maxDepth = 64
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Walk visits every entry of a bbolt file of the given size in order, a bucket
// before what it holds, and checks on the way everything that bbolt relies on.
// If it returns nil, then bbolt can open the file, read every entry and write.
//
// Both meta pages must be whole: with one of them damaged bbolt would silently
// go back by one transaction that was acknowledged.
//
// An error of visit ends the walk and is returned as it is.
func Walk(r io.ReaderAt, size int64, visit func(Entry) error) error {
	meta, err := readMeta(r, size)
	if err != nil {
		return err
	}
	w := &walker{r: r, pageSize: meta.pageSize, pages: meta.pages, visit: visit}
	w.taken = make([]bool, meta.pages)
	w.taken[0], w.taken[1] = true, true
	if err := w.page(place{page: meta.root}); err != nil {
		return err
	}
	return w.freelist(meta.freelist)
}

type meta struct {
	pageSize, root, freelist, pages, transaction uint64
}

// readMeta returns what the newer of the two meta pages says.
func readMeta(r io.ReaderAt, size int64) (meta, error) {
	first, err := readMetaPage(r, 0, 0)
	if err != nil {
		return meta{}, err
	}
	second, err := readMetaPage(r, 1, first.pageSize)
	if err != nil {
		return meta{}, err
	}
	newer := first
	if second.transaction > first.transaction {
		newer = second
	}
	if first.pageSize != second.pageSize {
		return meta{}, damaged("meta pages tell page sizes %d and %d", first.pageSize, second.pageSize)
	}
	if newer.pages < firstPage || newer.pages > uint64(max(size, 0))/newer.pageSize {
		return meta{}, damaged("%d pages of %d bytes in a file of %d", newer.pages, newer.pageSize, size)
	}
	return newer, nil
}

func readMetaPage(r io.ReaderAt, id, at uint64) (meta, error) {
	const (
		metaSize     = 64
		checksumSize = 8
	)
	buf := make([]byte, pageHeaderSize+metaSize)
	if err := readFull(r, buf, at); err != nil {
		return meta{}, err
	}
	order := binary.NativeEndian
	body := buf[pageHeaderSize:]
	sum := fnv.New64a()
	_, _ = sum.Write(body[:metaSize-checksumSize]) // a hash never fails
	switch {
	case order.Uint32(body) != magic:
		return meta{}, damaged("meta page at byte %d: not bbolt's", at)
	case order.Uint32(body[4:]) != formatVersion:
		return meta{}, damaged("meta page at byte %d: bbolt format %d", at, order.Uint32(body[4:]))
	case order.Uint64(body[56:]) != sum.Sum64():
		return meta{}, damaged("meta page at byte %d: checksum differs", at)
	case order.Uint64(buf) != id:
		return meta{}, damaged("page %d: says that it is page %d", id, order.Uint64(buf))
	case order.Uint16(buf[8:]) != metaFlag:
		return meta{}, damaged("meta page at byte %d: flags %#x", at, order.Uint16(buf[8:]))
	}
	m := meta{
		pageSize:    uint64(order.Uint32(body[8:])),
		root:        order.Uint64(body[16:]),
		freelist:    order.Uint64(body[32:]),
		pages:       order.Uint64(body[40:]),
		transaction: order.Uint64(body[48:]),
	}
	if m.pageSize < minPageSize || m.pageSize > maxPageSize || m.pageSize&(m.pageSize-1) != 0 {
		return meta{}, damaged("meta page at byte %d: page size %d", at, m.pageSize)
	}
	return m, nil
}

// readFull fills buf from the file. A file that ends before is damaged; any
// other failure is that of the disk.
func readFull(r io.ReaderAt, buf []byte, at uint64) error {
	n, err := r.ReadAt(buf, int64(at)) //nolint:gosec // every offset is below the file's size, or the read ends at once
	switch {
	case n == len(buf):
		return nil
	case errors.Is(err, io.EOF):
		return damaged("ends before byte %d", at+uint64(len(buf)))
	default:
		return fmt.Errorf("reading at byte %d: %w", at, err)
	}
}
