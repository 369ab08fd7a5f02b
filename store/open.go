package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Names in the folder.
const (
	fileName = "prefetch_exporter.db"
	lockName = "prefetch_exporter.lock"
	// newSuffix is a store that is being begun and does not count yet.
	newSuffix = ".new"
	// asideSuffix is followed by the time at which a corrupt store was found.
	asideSuffix = ".corrupt-"
	asideTime   = "20060102T150405.000000000Z"
)

const (
	// maxAside is how many corrupt stores are kept.
	maxAside = 3
	// lockWait is how long Open waits for another process to end.
	lockWait = time.Second
	// lockRetry is how often it looks meanwhile.
	lockRetry = 50 * time.Millisecond

	folderMode = 0o700
	fileMode   = 0o600
)

// Open opens the store in a folder and begins one if there is none. It creates
// the folder if it is missing.
//
// The whole file is read and checked. A corrupt one is moved aside, logged and
// reported, and a new one begun; see [DB.State] and [DB.Recovery]. An older
// format is migrated into a new file; see [Options.Migrations]. A newer one is an
// error that wraps [ErrNewer], and nothing is changed. If another process has the
// store, the error wraps [ErrInUse].
func Open(o Options) (*DB, error) {
	o = o.withDefaults()
	if o.Path == "" {
		return nil, errors.New("opening store: no path")
	}
	path := filepath.Join(o.Path, fileName)
	if _, err := os.Stat(path); o.MustExist && err != nil {
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	if err := os.MkdirAll(o.Path, folderMode); err != nil {
		return nil, fmt.Errorf("creating store %s: %w", o.Path, err)
	}
	lock, err := lockFolder(o.Path)
	if err != nil {
		return nil, err
	}
	opening := &opening{
		Options: o,
		path:    path,
	}
	db, err := opening.open()
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("opening store %s: %w", opening.path, err)
	}
	db.lock = lock
	o.Logger.Debug("Opened the store", "path", db.path, "state", db.state.String(), "version", db.meta.version)
	return db, nil
}

// lockFolder takes the lock under which a store is checked, moved and begun. It
// is a file of its own, because the store's file may be replaced meanwhile.
func lockFolder(folder string) (*os.File, error) {
	path := filepath.Join(folder, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("opening store %s: %w", folder, err)
	}
	for waited := time.Duration(0); ; waited += lockRetry {
		ok, err := tryLock(f)
		if err == nil && ok {
			return f, nil
		}
		if err == nil && waited >= lockWait {
			err = fmt.Errorf("%w: another process holds %s", ErrInUse, path)
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("opening store %s: %w", folder, err)
		}
		<-time.After(lockRetry)
	}
}

// opening is one call of Open, under the lock.
type opening struct {
	Options
	path string
}

// version is the current one of the format.
func (o *opening) version() int { return len(o.Migrations) + 1 }

func (o *opening) open() (*DB, error) {
	state, err := o.prepare()
	if err != nil {
		return nil, err
	}
	db, err := o.openFile()
	if err != nil {
		return nil, err
	}
	if from := db.meta.version; from < o.version() {
		if err := o.migrate(db); err != nil {
			return nil, fmt.Errorf("nothing was changed: %w", err)
		}
		if db, err = o.openFile(); err != nil {
			return nil, err
		}
		o.Logger.Info("Migrated the store", "path", o.path, "from", from, "to", o.version())
	}
	db.state = state
	return db, nil
}

// openFile opens the file, which was checked, and reads what it knows of itself.
func (o *opening) openFile() (*DB, error) {
	db := &DB{
		log: o.Logger, onError: o.OnError, now: o.Now, path: o.path,
		beforeCommit: o.BeforeCommit, turn: make(chan struct{}, 1),
	}
	if err := db.openBolt(); err != nil {
		return nil, err
	}
	err := db.guard(func() error {
		return db.bolt.View(func(tx *bolt.Tx) (err error) {
			db.meta, err = readMetadata(tx)
			return err
		})
	})
	if err != nil {
		_ = db.guard(db.bolt.Close)
		return nil, err
	}
	return db, nil
}

// prepare makes sure that there is a whole file that bbolt can open.
func (o *opening) prepare() (State, error) {
	if err := os.Remove(o.path + newSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("removing what an interrupted start left: %w", err)
	}
	err := check(o.path, o.version())
	switch {
	case err == nil:
		return Existing, nil
	case o.MustExist:
		return 0, err
	case errors.Is(err, fs.ErrNotExist):
		return o.begin()
	case errors.Is(err, ErrDamaged):
		return Recovered, o.recover(err)
	case !errors.Is(err, ErrNewer):
		o.OnError(ReasonRead)
	}
	return 0, err
}

// begin creates a store where there is none. If a corrupt one lies beside, then
// a recovery was interrupted between its two renames, and this ends it.
func (o *opening) begin() (State, error) {
	aside, err := o.aside()
	if err != nil {
		return 0, err
	}
	if len(aside) > 0 {
		o.Logger.Error("There is no store but a corrupt one beside; beginning an empty one", "path", o.path, "corrupt", aside[len(aside)-1])
		o.OnError(ReasonCorrupt)
		return Recovered, o.create(metadata{recovered: o.Now()})
	}
	o.Logger.Info("There is no store yet; beginning one", "path", o.path)
	return Fresh, o.create(metadata{})
}

// recover moves a corrupt store aside and begins a new one.
func (o *opening) recover(why error) error {
	aside, err := o.aside()
	if err != nil {
		return err
	}
	for len(aside) >= maxAside {
		if err := os.Remove(aside[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an old corrupt store: %w", err)
		}
		aside = aside[1:]
	}
	now := o.Now()
	target := o.asideName(now)
	for at := now; exists(target); target = o.asideName(at) {
		at = at.Add(1)
	}
	if err := os.Rename(o.path, target); err != nil {
		return fmt.Errorf("moving the corrupt store aside (%w): %w", why, err)
	}
	o.Logger.Error("The store is corrupt; it was moved aside and an empty one begun", "path", o.path, "moved_to", target, "err", why)
	o.OnError(ReasonCorrupt)
	return o.create(metadata{recovered: now})
}

func (o *opening) asideName(at time.Time) string {
	return o.path + asideSuffix + at.UTC().Format(asideTime)
}

// aside returns the corrupt stores, oldest first: their names end with the time.
func (o *opening) aside() ([]string, error) {
	entries, err := os.ReadDir(o.Path)
	if err != nil {
		return nil, fmt.Errorf("looking for corrupt stores: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if ok, _ := filepath.Match(fileName+asideSuffix+"*", entry.Name()); ok {
			found = append(found, filepath.Join(o.Path, entry.Name()))
		}
	}
	return found, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// create begins a store that is empty.
func (o *opening) create(meta metadata) error {
	if err := o.replace(meta, func(*DB) error { return nil }); err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	return nil
}

// replace makes a store under another name, has it filled, and renames it when it
// is whole, so that a file under the store's own name is never half made: an empty
// one is always a corrupt one.
func (o *opening) replace(meta metadata, fill func(fresh *DB) error) error {
	db := &DB{path: o.path + newSuffix}
	if err := db.openBolt(); err != nil {
		return err
	}
	meta.version = o.version()
	err := db.guard(func() error {
		return db.bolt.Update(func(tx *bolt.Tx) error {
			if err := createTables(tx); err != nil {
				return err
			}
			return writeMetadata(tx, meta)
		})
	})
	if err == nil {
		err = fill(db)
	}
	if err = errors.Join(err, db.guard(db.bolt.Close)); err != nil {
		return err
	}
	if err := os.Rename(db.path, o.path); err != nil {
		return fmt.Errorf("renaming: %w", err)
	}
	return syncFolder(o.Path)
}

// syncFolder makes a rename in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing folder: %w", err)
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		// Windows syncs no folders and says so with one of these two.
		return fmt.Errorf("syncing folder: %w", err)
	}
	return nil
}

// openBolt opens a file that was checked, or that does not exist yet.
func (db *DB) openBolt() error {
	err := db.guard(func() (err error) {
		db.bolt, err = bolt.Open(db.path, fileMode, &bolt.Options{
			Timeout:      lockWait,
			FreelistType: bolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				db.file, err = os.OpenFile(name, flag, mode)
				return db.file, err //nolint:wrapcheck // bbolt hands it on to us
			},
		})
		return err //nolint:wrapcheck // it is wrapped where its kind is known
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: another process holds %s", ErrInUse, db.path)
	case errors.Is(err, ErrBroken) && db.file != nil:
		return errors.Join(err, unlock(db.file), db.file.Close())
	default:
		return err
	}
}
