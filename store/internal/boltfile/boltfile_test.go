package boltfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store/internal/boltfile"
)

// order is that of the files; see the package's own layout constants, which
// these tests do not share.
var order = binary.NativeEndian

const pageSize = 4096

// entries walks a file and returns what it holds, one line an entry.
func entries(data []byte) ([]string, error) {
	var found []string
	err := boltfile.Walk(bytes.NewReader(data), int64(len(data)), func(e boltfile.Entry) error {
		line := fmt.Sprintf("%q/%q", e.Path, e.Key)
		if !e.Bucket {
			line += fmt.Sprintf("=%q", e.Value)
		}
		found = append(found, line)
		return nil
	})
	return found, err
}

// boltEntries returns the same as bbolt reads it.
func boltEntries(tx *bolt.Tx) []string {
	var found []string
	var list func(path [][]byte, c *bolt.Cursor, child func(name []byte) *bolt.Bucket)
	list = func(path [][]byte, c *bolt.Cursor, child func(name []byte) *bolt.Bucket) {
		for k, v := c.First(); k != nil; k, v = c.Next() {
			line := fmt.Sprintf("%q/%q", path, k)
			if v != nil {
				found = append(found, line+fmt.Sprintf("=%q", v))
				continue
			}
			found = append(found, line)
			b := child(k)
			list(append(slices.Clone(path), k), b.Cursor(), b.Bucket)
		}
	}
	list([][]byte{}, tx.Cursor(), tx.Bucket)
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// base is a file with everything in it that the format knows: several levels of
// pages, pages longer than one, buckets in buckets, inline and not, and free
// pages.
func base(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		deep, err := tx.CreateBucket([]byte("deep"))
		must(t, err)
		for i := range 40 {
			// Long keys make branches of few children, and so several levels.
			must(t, deep.Put(fmt.Appendf(nil, "%04d%s", i, strings.Repeat("k", 1200)), []byte("value")))
		}
		outer, err := tx.CreateBucket([]byte("outer"))
		must(t, err)
		for _, name := range []string{"empty", "inline", "paged"} {
			_, err := outer.CreateBucket([]byte(name))
			must(t, err)
		}
		must(t, outer.Bucket([]byte("inline")).Put([]byte("k1"), []byte("v1")))
		must(t, outer.Bucket([]byte("inline")).Put([]byte("k2"), nil))
		must(t, outer.Bucket([]byte("paged")).Put([]byte("big"), make([]byte, 3*pageSize)))
		must(t, outer.Bucket([]byte("paged")).Put([]byte("gone"), make([]byte, 3*pageSize)))
		return nil
	}))
	must(t, db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("outer")).Bucket([]byte("paged")).Delete([]byte("gone"))
	}))
	must(t, db.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// meta is the newer meta page's fields.
type meta struct{ data []byte }

func newerMeta(data []byte) meta {
	at := func(page int) []byte { return data[page*pageSize+16:][:64] }
	if order.Uint64(at(1)[48:]) > order.Uint64(at(0)[48:]) {
		return meta{at(1)}
	}
	return meta{at(0)}
}

func (m meta) root() int     { return int(order.Uint64(m.data[16:])) }
func (m meta) freelist() int { return int(order.Uint64(m.data[32:])) }

// seal makes the checksum right again after a change.
func (m meta) seal() {
	sum := fnv.New64a()
	_, _ = sum.Write(m.data[:56])
	order.PutUint64(m.data[56:], sum.Sum64())
}

// page returns a page of the file, and what follows it.
func page(data []byte, id int) []byte { return data[id*pageSize:] }

// element returns an element of a page, and what follows it.
func element(p []byte, i int) []byte { return p[16+16*i:] }

// bucketPage returns the number of the root page of a bucket.
func bucketPage(t testing.TB, data []byte, path ...string) int {
	t.Helper()
	id := newerMeta(data).root()
	for _, name := range path {
		p := page(data, id)
		id = 0
		for i := range int(order.Uint16(p[10:])) {
			e := element(p, i)
			pos, size := order.Uint32(e[4:]), order.Uint32(e[8:])
			if string(e[pos:pos+size]) == name {
				id = int(order.Uint64(e[pos+size:]))
			}
		}
		if id == 0 {
			t.Fatalf("no bucket %q with pages", path)
		}
	}
	return id
}

func TestWalkFindsWhatBoltFinds(t *testing.T) {
	t.Parallel()
	data := base(t)
	got, err := entries(data)
	must(t, err)
	if diff := cmp.Diff(agree(t, data), got); diff != "" {
		t.Errorf("-bbolt +walk:\n%s", diff)
	}
	if len(got) < 45 {
		t.Errorf("only %d entries", len(got))
	}
	if depth := order.Uint16(page(data, bucketPage(t, data, "deep"))[8:]); depth != 1 {
		t.Errorf("the test file has no branch: flags %#x", depth)
	}
	if free := order.Uint16(page(data, newerMeta(data).freelist())[10:]); free == 0 {
		t.Error("the test file has no free pages")
	}
}

// TestWalkAcceptsWhatBoltWrites changes a file at random and walks it after
// every transaction: a sound file must never be taken for a damaged one.
func TestWalkAcceptsWhatBoltWrites(t *testing.T) {
	t.Parallel()
	const commits = 150
	path := filepath.Join(t.TempDir(), "random.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		PageSize: 1024, NoSync: true, NoGrowSync: true, FreelistType: bolt.FreelistMapType,
	})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	random := rand.New(rand.NewPCG(1, 2))
	for range commits {
		must(t, db.Update(func(tx *bolt.Tx) error { return changeAtRandom(tx, random) }))
		info, err := f.Stat()
		must(t, err)
		must(t, boltfile.Walk(f, info.Size(), func(boltfile.Entry) error { return nil }))
	}
}

// changeAtRandom changes up to 200 keys, few of them one by one, many in a row.
func changeAtRandom(tx *bolt.Tx, random *rand.Rand) error {
	table, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "table %d", random.IntN(3)))
	if err != nil {
		return err
	}
	name := fmt.Appendf(nil, "scope %d", random.IntN(4))
	if random.IntN(20) == 0 && table.Bucket(name) != nil {
		return table.DeleteBucket(name)
	}
	scope, err := table.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	sizes := [...]int{0, 10, 100, 900, 5000}
	from, put := random.IntN(1000), random.IntN(2) == 0
	for i := range random.IntN(200) {
		key := fmt.Appendf(nil, "%0*d", 4+from%40, from+i)
		if random.IntN(10) == 0 {
			put = !put
		}
		if put {
			err = scope.Put(key, make([]byte, sizes[random.IntN(len(sizes))]))
		} else {
			err = scope.Delete(key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// agree opens a file that was walked without an error with bbolt, lets bbolt
// check it and change it all over, and returns what it held before.
func agree(t testing.TB, data []byte) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "walked.db")
	must(t, os.WriteFile(path, data, 0o600))
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	var found []string
	must(t, db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			if !strings.HasSuffix(err.Error(), "unreachable unfreed") {
				t.Errorf("bbolt finds: %v", err)
			}
		}
		found = boltEntries(tx)
		return nil
	}))
	must(t, db.Update(func(tx *bolt.Tx) error {
		// Changes every page of the first bucket and frees those of the others.
		if deep := tx.Bucket([]byte("deep")); deep != nil {
			for c := deep.Cursor(); ; {
				k, v := c.First()
				if k == nil || v == nil {
					break
				}
				must(t, deep.Delete(k))
			}
		}
		if tx.Bucket([]byte("outer")) != nil {
			must(t, tx.DeleteBucket([]byte("outer")))
		}
		return nil
	}))
	must(t, db.Update(func(tx *bolt.Tx) error {
		// Enough to use every free page.
		for i := range 20 {
			b, err := tx.CreateBucketIfNotExists(fmt.Appendf(nil, "new bucket %d", i))
			if err != nil {
				return err
			}
			must(t, b.Put([]byte("k"), make([]byte, pageSize/2)))
		}
		return nil
	}))
	return found
}

// TestWithoutFreelist is a file that was written with bbolt's NoFreelistSync.
func TestWithoutFreelist(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "unsynced.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("b")); return err }))
	must(t, db.Close())
	data, err := os.ReadFile(path)
	must(t, err)
	got, err := entries(data)
	if diff := cmp.Diff([]string{`[]/"b"`}, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

// TestLongFreelist has more free pages than fit the count of a page.
func TestLongFreelist(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "long.db")
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: 1024, NoSync: true, NoGrowSync: true})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		must(t, err)
		return b.Put([]byte("k"), make([]byte, 70_000*1024))
	}))
	must(t, db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("b")) }))
	must(t, db.Close())
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	must(t, err)
	must(t, boltfile.Walk(f, info.Size(), func(boltfile.Entry) error { return nil }))
}

// failing fails to read from some byte on.
type failing struct {
	io.ReaderAt

	from int64
	err  error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadErrorIsNoDamage(t *testing.T) {
	t.Parallel()
	data := base(t)
	broken := errors.New("input/output error")
	for from := int64(0); from < int64(len(data)); from += pageSize / 2 {
		r := failing{bytes.NewReader(data), from, broken}
		err := boltfile.Walk(r, int64(len(data)), func(boltfile.Entry) error { return nil })
		if err != nil && (!errors.Is(err, broken) || errors.Is(err, boltfile.ErrDamaged)) {
			t.Errorf("reading fails from byte %d: %v", from, err)
		}
		if err == nil && from == 0 {
			t.Error("nothing was read")
		}
	}
}

func TestVisitEndsTheWalk(t *testing.T) {
	t.Parallel()
	data := base(t)
	all, err := entries(data)
	must(t, err)
	stop := errors.New("enough")
	for n := range all {
		calls := 0
		err := boltfile.Walk(bytes.NewReader(data), int64(len(data)), func(boltfile.Entry) error {
			if calls++; calls > n {
				return stop
			}
			return nil
		})
		if err != stop || calls != n+1 { //nolint:errorlint // as it is
			t.Errorf("stopped at %d: %v after %d calls", n+1, err, calls)
		}
	}
}
