package store

import bolt "go.etcd.io/bbolt"

// OpenMigrating is Open as a later version of this package would have it, with
// one migration for each version after the first.
func OpenMigrating(o Options, steps ...func(tx *bolt.Tx) error) (*DB, error) {
	list := make([]migration, len(steps))
	for i, step := range steps {
		list[i] = step
	}
	return open(o, list)
}

// Seal makes a record as the store keeps it.
func Seal(table, scope, key, value string) []byte {
	return seal([]byte(table), []byte(scope), []byte(key), []byte(value))
}
