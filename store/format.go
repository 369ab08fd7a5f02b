package store

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"

	"prefetch_exporter/store/internal/boltfile"
)

// The format. One bucket per table; in it one bucket per scope; in it
// the keys, each with a record (see seal). Beside the tables the bucket "meta"
// with the keys below, whose records are sealed without a scope. That bucket and
// the key "version" must stay as they are in every later version, or an older
// program could not tell that it met a newer one.
const (
	metaBucket   = "meta"
	versionKey   = "version"   // decimal
	recoveredKey = "recovered" // RFC 3339; only in a store that replaced a corrupt one
)

// metadata is what a store knows of itself.
type metadata struct {
	version   int
	recovered time.Time
}

func createTables(tx *bolt.Tx) error {
	for _, table := range Tables() {
		if _, err := tx.CreateBucketIfNotExists([]byte(table)); err != nil {
			return fmt.Errorf("adding table %s: %w", table, err)
		}
	}
	return nil
}

func writeMetadata(tx *bolt.Tx, meta metadata) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return fmt.Errorf("adding metadata: %w", err)
	}
	values := map[string]string{versionKey: strconv.Itoa(meta.version)}
	if !meta.recovered.IsZero() {
		values[recoveredKey] = meta.recovered.UTC().Format(time.RFC3339Nano)
	}
	for key, value := range values {
		record := seal([]byte(metaBucket), nil, []byte(key), []byte(value))
		if err := bucket.Put([]byte(key), record); err != nil {
			return fmt.Errorf("writing metadata: %w", err)
		}
	}
	return nil
}

func readMetadata(tx *bolt.Tx) (metadata, error) {
	var meta metadata
	bucket := tx.Bucket([]byte(metaBucket))
	if bucket == nil {
		return metadata{}, fmt.Errorf("%w: no metadata", ErrDamaged)
	}
	err := bucket.ForEach(meta.set)
	return meta, err //nolint:wrapcheck // it is set's
}

// set takes over one record of the meta bucket. Keys that it does not know are
// left to versions that do.
func (m *metadata) set(key, record []byte) error {
	value, err := unseal([]byte(metaBucket), nil, key, record)
	if err != nil {
		return err
	}
	switch string(key) {
	case versionKey:
		m.version, err = strconv.Atoi(string(value))
	case recoveredKey:
		m.recovered, err = time.Parse(time.RFC3339Nano, string(value))
	}
	if err != nil {
		return fmt.Errorf("%w: metadata %q: %w", ErrDamaged, key, err)
	}
	return nil
}

// check reads a whole file and says whether a program of the given version can
// use it. The error wraps [ErrDamaged] or [ErrNewer], or is one of reading.
func check(path string, current int) error {
	// For writing, so that a file that could not be opened later is told from
	// a corrupt one now.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err //nolint:wrapcheck // it names the file, and Open says what was tried
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	content := contents{top: map[string]bool{}}
	err = boltfile.Walk(f, info.Size(), content.visit)
	switch {
	case errors.Is(err, boltfile.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case err != nil:
		return fmt.Errorf("checking: %w", err)
	default:
		return content.check(current)
	}
}

// contents is what a walk through a file found in it.
type contents struct {
	meta metadata
	top  map[string]bool // buckets at the top
	// metaErr and recordErr are the first damage in the metadata and elsewhere.
	// The walk goes on: what looks like damage may be a newer format.
	metaErr, recordErr error
}

func (c *contents) visit(e boltfile.Entry) error {
	depth := len(e.Path)
	switch {
	case depth == 0 && e.Bucket:
		c.top[string(e.Key)] = true
	case depth == 1 && !e.Bucket && string(e.Path[0]) == metaBucket:
		c.metaErr = cmp.Or(c.metaErr, c.meta.set(e.Key, e.Value))
	case depth == 2 && !e.Bucket:
		_, err := unseal(e.Path[0], e.Path[1], e.Key, e.Value)
		c.recordErr = cmp.Or(c.recordErr, err)
	case depth != 1 || !e.Bucket:
		c.recordErr = cmp.Or(c.recordErr, fmt.Errorf("%w: %.64q at level %d", ErrDamaged, e.Key, depth))
	}
	return nil
}

// check judges what was found. Every version had the same tables so far.
func (c *contents) check(current int) error {
	switch {
	case c.metaErr != nil:
		return c.metaErr
	case c.meta.version < 1:
		return fmt.Errorf("%w: no format version", ErrDamaged)
	case c.meta.version > current:
		return fmt.Errorf("%w: version %d, this program reads versions 1 to %d; nothing was changed",
			ErrNewer, c.meta.version, current)
	case c.recordErr != nil:
		return c.recordErr
	}
	delete(c.top, metaBucket)
	for _, table := range Tables() {
		if !c.top[string(table)] {
			return fmt.Errorf("%w: table %s is missing", ErrDamaged, table)
		}
		delete(c.top, string(table))
	}
	for name := range c.top {
		return fmt.Errorf("%w: unknown table %.64q", ErrDamaged, name)
	}
	return nil
}
