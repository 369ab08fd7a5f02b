package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"prefetch_exporter/store"
)

// A value begins with how the rest is kept, and the version of the record; a colon
// ends both, as in "=2:{}". So each record can be read on its own, whatever version
// wrote the others.
const (
	plain      = '='
	compressed = 'z'
	inParts    = '+' // the rest says which parts: version-of-the-parts/number; together they are compressed
)

const (
	// worthIt is the size from which values are compressed.
	worthIt = 512
	// MaxPart is the most that is kept under one key: etcd takes requests of at most
	// 1.5 MiB.
	MaxPart = 1 << 20
)

// Sealed is a value as etcd keeps it.
type Sealed struct {
	Value []byte
	// Parts are what Value points to; nil for most.
	Parts []Part
}

// Part is a piece of a value that is too large for one key.
type Part struct {
	Name  Name
	Value []byte
}

// Seal returns a record as it is kept. The parts of a large one are named after
// unique, which must never have been used for this record.
func Seal(record Name, version int, value []byte, unique string) Sealed {
	kind, body := byte(plain), value
	if len(value) >= worthIt {
		if small := compress(value); len(small) < len(value) || len(value) > MaxPart {
			kind, body = compressed, small
		}
	}
	if len(body) <= MaxPart {
		return Sealed{Value: seal(kind, version, body)}
	}
	var parts []Part
	for rest := body; len(rest) > 0; {
		size := min(len(rest), MaxPart)
		parts = append(parts, Part{Parts(record).part(unique, len(parts)), rest[:size]})
		rest = rest[size:]
	}
	return Sealed{seal(inParts, version, []byte(unique+"/"+strconv.Itoa(len(parts)))), parts}
}

func seal(kind byte, version int, body []byte) []byte {
	value := append([]byte{kind}, strconv.Itoa(version)...)
	return append(append(value, ':'), body...)
}

func compress(value []byte) []byte {
	var buffer bytes.Buffer
	w, err := gzip.NewWriterLevel(&buffer, gzip.BestSpeed)
	if err == nil {
		if _, err = w.Write(value); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		panic(err) // memory takes everything
	}
	return buffer.Bytes()
}

// PartsOf returns the names of the parts that a value points to.
func PartsOf(record Name, value []byte) []Name {
	kind, _, body, err := cut(value)
	if err != nil || kind != inParts {
		return nil
	}
	unique, count, _ := strings.Cut(string(body), "/")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > store.MaxValue/MaxPart+2 {
		return nil
	}
	names := make([]Name, n)
	for i := range names {
		names[i] = Parts(record).part(unique, i)
	}
	return names
}

// Version returns the version of the record that a value keeps; 0 if it cannot be
// read.
func Version(value []byte) int {
	_, version, _, err := cut(value)
	if err != nil {
		return 0
	}
	return version
}

// Unseal returns the value that was sealed and the version of the record. The parts
// are what [PartsOf] names. An error wraps [store.ErrDamaged].
func Unseal(value []byte, parts [][]byte) (plainValue []byte, version int, err error) {
	kind, version, body, err := cut(value)
	if err != nil {
		return nil, 0, err
	}
	switch kind {
	case plain:
		return body, version, nil
	case compressed:
	case inParts:
		if len(parts) == 0 {
			return nil, 0, fmt.Errorf("%w: no parts", store.ErrDamaged)
		}
		for i, part := range parts {
			if part == nil {
				return nil, 0, fmt.Errorf("%w: part %d of %d is missing", store.ErrDamaged, i+1, len(parts))
			}
		}
		body = bytes.Join(parts, nil)
	default:
		return nil, 0, fmt.Errorf("%w: kept in an unknown way", store.ErrDamaged)
	}
	plainValue, err = expand(body)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return plainValue, version, nil
}

// cut takes a value apart.
func cut(value []byte) (kind byte, version int, body []byte, err error) {
	head, body, found := bytes.Cut(value, []byte{':'})
	if !found || len(head) == 0 {
		return 0, 0, nil, fmt.Errorf("%w: no version", store.ErrDamaged)
	}
	version, err = strconv.Atoi(string(head[1:]))
	if err != nil || version < 1 {
		return 0, 0, nil, fmt.Errorf("%w: version %.20q", store.ErrDamaged, head[1:])
	}
	return head[0], version, body, nil
}

func expand(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	value, err := io.ReadAll(io.LimitReader(r, store.MaxValue+1))
	if err != nil {
		return nil, fmt.Errorf("decompressing: %w", err)
	}
	if len(value) > store.MaxValue {
		return nil, errors.New("decompressing: too large")
	}
	return value, nil
}
