package store

// Seal makes a record as the store keeps it.
func Seal(table, scope, key, value string) []byte {
	return seal([]byte(table), []byte(scope), []byte(key), []byte(value))
}
