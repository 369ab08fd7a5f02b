package boltfile

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// walker goes through the pages of one file.
type walker struct {
	r        io.ReaderAt
	pageSize uint64
	pages    uint64 // pages in use are below this number
	taken    []bool // pages that something refers to already
	visit    func(Entry) error

	path    [][]byte
	buffers [maxDepth][]byte // by depth: a branch is read on after its children
}

// place is where a page stands in the tree: which keys it holds, and how deep it
// is. A nil bound is none. Its first key is exactly from: bbolt looks for a page
// under that key when it removes it, and frees it twice if it does not find it.
type place struct {
	page     uint64
	depth    int
	from, to []byte // from <= key < to
}

// page walks the tree below one branch or leaf page.
func (w *walker) page(at place) error {
	if at.depth >= maxDepth {
		return damaged("page %d: more than %d levels", at.page, maxDepth)
	}
	buf, err := w.read(at.page, at.depth)
	if err != nil {
		return err
	}
	switch flags := binary.NativeEndian.Uint16(buf[8:]); flags {
	case branchFlag:
		return w.branch(buf, at)
	case leafFlag:
		return w.leaf(buf, at)
	default:
		return damaged("page %d: flags %#x in a tree", at.page, flags)
	}
}

// read returns one page with its overflow and marks both as taken.
func (w *walker) read(id uint64, depth int) ([]byte, error) {
	if id < firstPage || id >= w.pages {
		return nil, damaged("page %d of %d", id, w.pages)
	}
	buf := w.buffer(depth, w.pageSize)
	if err := readFull(w.r, buf, id*w.pageSize); err != nil {
		return nil, err
	}
	order := binary.NativeEndian
	if own := order.Uint64(buf); own != id {
		return nil, damaged("page %d: says that it is page %d", id, own)
	}
	length := uint64(order.Uint32(buf[12:])) + 1
	if length > w.pages-id {
		return nil, damaged("page %d: %d pages long in a file of %d", id, length, w.pages)
	}
	for i := id; i < id+length; i++ {
		if w.taken[i] {
			return nil, damaged("page %d: referred to twice", i)
		}
		w.taken[i] = true
	}
	if length == 1 {
		return buf, nil
	}
	buf = w.buffer(depth, length*w.pageSize)
	if err := readFull(w.r, buf, id*w.pageSize); err != nil {
		return nil, err
	}
	return buf, nil
}

func (w *walker) buffer(depth int, size uint64) []byte {
	if uint64(cap(w.buffers[depth])) < size {
		w.buffers[depth] = make([]byte, size)
	}
	return w.buffers[depth][:size]
}

// elements is the element table of a branch or leaf page. bbolt packs what the
// elements refer to right behind the table, in their order and without a gap,
// so that a count that is too small leaves one.
type elements struct {
	page  uint64
	buf   []byte
	count uint64
	next  uint64 // where the next element's data begin
}

func newElements(buf []byte, page uint64) (*elements, error) {
	count := uint64(binary.NativeEndian.Uint16(buf[10:]))
	table := pageHeaderSize + count*elementSize
	if table > uint64(len(buf)) {
		return nil, damaged("page %d: %d elements in %d bytes", page, count, len(buf))
	}
	if count == 0 && len(bytes.TrimLeft(buf[pageHeaderSize:], "\x00")) > 0 {
		return nil, damaged("page %d: no elements, but data", page)
	}
	return &elements{page: page, buf: buf, count: count, next: table}, nil
}

func (e *elements) header(i uint64) []byte {
	return e.buf[pageHeaderSize+i*elementSize:][:elementSize]
}

// data returns a key and a value of the given sizes, pos bytes after the
// element that they belong to. It must be called once for each, in order.
func (e *elements) data(i uint64, pos, keySize, valueSize uint32) (key, value []byte, err error) {
	start := pageHeaderSize + i*elementSize + uint64(pos)
	middle := start + uint64(keySize)
	end := middle + uint64(valueSize)
	switch {
	case start != e.next:
		return nil, nil, damaged("page %d, element %d: begins at byte %d instead of %d", e.page, i, start, e.next)
	case end > uint64(len(e.buf)):
		return nil, nil, damaged("page %d, element %d: ends at byte %d of %d", e.page, i, end, len(e.buf))
	case keySize == 0:
		return nil, nil, damaged("page %d, element %d: no key", e.page, i)
	}
	e.next = end
	return e.buf[start:middle:middle], e.buf[middle:end:end], nil
}

// inOrder checks that a key is where a search would look for it.
func (e *elements) inOrder(i uint64, previous, key []byte, at place) error {
	switch {
	case i > 0 && bytes.Compare(previous, key) >= 0:
		return damaged("page %d, element %d: not after the one before", e.page, i)
	case i == 0 && at.from != nil && !bytes.Equal(key, at.from):
		return damaged("page %d, element %d: not the key that led to it", e.page, i)
	case at.to != nil && bytes.Compare(key, at.to) >= 0:
		return damaged("page %d, element %d: belongs to a later page", e.page, i)
	default:
		return nil
	}
}

// branchElement returns the first key of a child and the child's page.
func (e *elements) branchElement(i uint64) (key []byte, child uint64, err error) {
	order := binary.NativeEndian
	header := e.header(i)
	key, _, err = e.data(i, order.Uint32(header), order.Uint32(header[4:]), 0)
	return key, order.Uint64(header[8:]), err
}

func (w *walker) branch(buf []byte, at place) error {
	e, err := newElements(buf, at.page)
	if err != nil {
		return err
	}
	if e.count == 0 {
		return damaged("page %d: a branch without children", at.page)
	}
	key, child, err := e.branchElement(0)
	if err != nil {
		return err
	}
	var previous []byte
	for i := range e.count {
		if err := e.inOrder(i, previous, key, at); err != nil {
			return err
		}
		below := place{page: child, depth: at.depth + 1, from: key, to: at.to}
		previous = key
		if i+1 < e.count {
			if key, child, err = e.branchElement(i + 1); err != nil {
				return err
			}
			below.to = key
		}
		if err := w.page(below); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) leaf(buf []byte, at place) error {
	e, err := newElements(buf, at.page)
	if err != nil {
		return err
	}
	if e.count == 0 && at.from != nil {
		return damaged("page %d: no elements below a branch", at.page)
	}
	order := binary.NativeEndian
	var previous []byte
	for i := range e.count {
		header := e.header(i)
		key, value, err := e.data(i, order.Uint32(header[4:]), order.Uint32(header[8:]), order.Uint32(header[12:]))
		if err != nil {
			return err
		}
		if err := e.inOrder(i, previous, key, at); err != nil {
			return err
		}
		previous = key
		switch flags := order.Uint32(header); flags {
		case 0:
			err = w.visit(Entry{Path: w.path, Key: key, Value: value})
		case bucketEntryFlag:
			err = w.bucket(key, value, at)
		default:
			err = damaged("page %d, element %d: flags %#x", at.page, i, flags)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket visits a bucket and what it holds. A small one is a leaf page inside
// the value itself, with page number 0; bbolt nests nothing in such a page.
func (w *walker) bucket(name, value []byte, at place) error {
	if at.page == 0 {
		return damaged("bucket %.64q: inside an inline bucket", name)
	}
	if len(value) < bucketHeaderSize {
		return damaged("bucket %.64q: header of %d bytes", name, len(value))
	}
	if err := w.visit(Entry{Path: w.path, Key: name, Bucket: true}); err != nil {
		return err
	}
	w.path = append(w.path, name)
	defer func() { w.path = w.path[:len(w.path)-1] }()

	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return w.page(place{page: root, depth: at.depth + 1})
	}
	inline := value[bucketHeaderSize:]
	if len(inline) < pageHeaderSize {
		return damaged("bucket %.64q: inline page of %d bytes", name, len(inline))
	}
	if flags := binary.NativeEndian.Uint16(inline[8:]); flags != leafFlag {
		return damaged("bucket %.64q: inline page with flags %#x", name, flags)
	}
	return w.leaf(inline, place{})
}

// freelist checks that every page is either free or in use. One that is both
// would be overwritten; one that is neither was lost from the tree, and what is
// on it too.
func (w *walker) freelist(id uint64) error {
	if id == noFreelist {
		return nil
	}
	buf, err := w.read(id, 0)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	if flags := order.Uint16(buf[8:]); flags != freelistFlag {
		return damaged("page %d: flags %#x instead of a freelist", id, flags)
	}
	ids := buf[pageHeaderSize:]
	count := uint64(order.Uint16(buf[10:]))
	if count == manyIDs {
		count = order.Uint64(ids)
		ids = ids[pageIDSize:]
	}
	if count > uint64(len(ids)/pageIDSize) {
		return damaged("page %d: %d free pages in %d bytes", id, count, len(ids))
	}
	for i := range count {
		free := order.Uint64(ids[i*pageIDSize:])
		if free < firstPage || free >= w.pages {
			return damaged("free page %d of %d", free, w.pages)
		}
		if w.taken[free] {
			return damaged("free page %d: in use, or free twice", free)
		}
		w.taken[free] = true
	}
	if lost := slices.Index(w.taken, false); lost >= 0 {
		return damaged("page %d: neither free nor in use", lost)
	}
	return nil
}
