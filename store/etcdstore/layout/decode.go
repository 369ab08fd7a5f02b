package layout

import (
	"errors"
	"fmt"

	"prefetch_exporter/store"
)

// ErrNewer says that a newer version of this program wrote something.
var ErrNewer = errors.New("etcd holds a newer format")

// Decode returns a record as the newest version has it, of which there is one more
// than migrations; without a value if they leave it out. The parts are what [PartsOf]
// names.
func Decode(n Name, value []byte, parts [][]byte, migrations []store.Migration) (store.Op, error) {
	op := store.Op{Table: store.Table(n.Kind), Scope: n.Scope, Key: n.Key}
	value, version, err := Unseal(value, parts)
	if err != nil {
		return op, fmt.Errorf("table %s, scope %.64q, key %.64q: %w", op.Table, op.Scope, op.Key, err)
	}
	if version > len(migrations)+1 {
		return op, fmt.Errorf("table %s, scope %.64q, key %.64q: %w: version %d", op.Table, op.Scope, op.Key, ErrNewer, version)
	}
	if op.Value = value; value == nil {
		op.Value = []byte{}
	}
	return store.Migrate(op, version, migrations)
}
