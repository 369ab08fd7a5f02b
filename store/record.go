package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A record is the checksum of a value and of the names it is kept under, then
// the value. bbolt checks neither keys nor values, so that without it a flipped
// bit would come back as a wrong ledger, or as another task's state.
const checksumSize = crc32.Size

func checksum(table, scope, key, value []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	var sum uint32
	var length [binary.MaxVarintLen64]byte
	for _, name := range [][]byte{table, scope, key} {
		// With its length before it, no name can be cut elsewhere and sum to
		// the same.
		n := binary.PutUvarint(length[:], uint64(len(name)))
		sum = crc32.Update(sum, castagnoli, length[:n])
		sum = crc32.Update(sum, castagnoli, name)
	}
	return crc32.Update(sum, castagnoli, value)
}

// seal returns the record that keeps value under these names.
func seal(table, scope, key, value []byte) []byte {
	record := make([]byte, checksumSize, checksumSize+len(value))
	binary.BigEndian.PutUint32(record, checksum(table, scope, key, value))
	return append(record, value...)
}

// unseal returns the value in a record, as a part of it, or an error that wraps
// [ErrDamaged] if the record was not sealed under these names.
func unseal(table, scope, key, record []byte) ([]byte, error) {
	if len(record) < checksumSize {
		return nil, fmt.Errorf("%w: table %s, scope %.64q, key %.64q: record of %d bytes",
			ErrDamaged, table, scope, key, len(record))
	}
	value := record[checksumSize:]
	if binary.BigEndian.Uint32(record) != checksum(table, scope, key, value) {
		return nil, fmt.Errorf("%w: table %s, scope %.64q, key %.64q: checksum differs", ErrDamaged, table, scope, key)
	}
	return value, nil
}
