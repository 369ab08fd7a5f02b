package layout

import (
	"encoding/json"
	"time"
)

// Format says which version of records is written.
type Format struct {
	Version int `json:"version"`
}

// Registration is what a replica says of itself.
type Registration struct {
	// Reads is the newest version of records that it can read.
	Reads int `json:"reads"`
	// Value is for whoever decides who owns what.
	Value []byte `json:"value"`
}

// Ownership is what an owner's key says. That the key is held under its own lease is
// what makes a replica the owner, whatever it believes.
type Ownership struct {
	Replica string    `json:"replica"`
	Since   time.Time `json:"since"`
}

// Say returns what is kept under the key of a [Format], a [Registration] or an
// [Ownership].
func Say[T Format | Registration | Ownership](v T) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers, bytes and times always can be
	}
	return text
}

// Said returns what is kept under such a key; the zero value if it cannot be read.
func Said[T Format | Registration | Ownership](text []byte) T {
	var v, none T
	if json.Unmarshal(text, &v) != nil {
		return none
	}
	return v
}
