// Package layout says how records lie in etcd: under which keys, and what is in a
// value. It is pure, and must not know that there is a network.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"

	"prefetch_exporter/store"
)

// Kinds of keys besides the tables of [store.Tables], each the first part of a key
// below the prefix.
const (
	kindFormat    = "format"
	kindRecovered = "recovered"
	kindReplica   = "replicas"
	kindOwner     = "owner"
	kindHead      = "head"
	kindPart      = "parts"
)

// Name is what a key stands for: format and recovered have only a kind; replicas,
// owner and head a kind and a key; records a table as kind, a scope and a key.
type Name struct {
	Kind, Scope, Key string
}

// FormatName names what says which version of records is written.
func FormatName() Name { return Name{Kind: kindFormat} }

// Recovered names the time at which etcd was last found to have forgotten.
func Recovered() Name { return Name{Kind: kindRecovered} }

// Replica names what a replica says of itself.
func Replica(name string) Name { return Name{Kind: kindReplica, Key: name} }

// Owner names who owns an identity.
func Owner(identity string) Name { return Name{Kind: kindOwner, Key: identity} }

// Head names what each charge of an identity changes.
func Head(identity string) Name { return Name{Kind: kindHead, Key: identity} }

// Record names a record.
func Record(table store.Table, scope, key string) Name {
	return Name{Kind: string(table), Scope: scope, Key: key}
}

// Parts names the parts of a large record, of all its versions.
func Parts(record Name) Name {
	// Names may be long, and a transaction has the range of the parts twice.
	sum := sha256.Sum256([]byte(record.Path()))
	return Name{Kind: kindPart, Scope: hex.EncodeToString(sum[:])}
}

// part names one part of a version.
func (n Name) part(version string, i int) Name {
	n.Key = version + "-" + strconv.Itoa(i)
	return n
}

// PartsPrefix names what the parts of one version begin with, by any of them.
func PartsPrefix(part Name) Name {
	version, _, _ := strings.Cut(part.Key, "-")
	part.Key = version + "-"
	return part
}

// IsRecord reports whether the name is that of a record.
func (n Name) IsRecord() bool { return store.Table(n.Kind).Known() }

// IsReplica and IsOwner tell the names that say who is there and who owns what.
func (n Name) IsReplica() bool { return n.Kind == kindReplica }

// IsOwner is told with [Name.IsReplica].
func (n Name) IsOwner() bool { return n.Kind == kindOwner }

// Path returns the key below the prefix. Scopes and keys may have any bytes.
func (n Name) Path() string {
	path := n.Kind
	if n.Scope != "" {
		path += "/" + url.PathEscape(n.Scope)
	}
	if n.Key != "" {
		path += "/" + url.PathEscape(n.Key)
	}
	return path
}

// ParsePath returns the name of a key below the prefix; ok is false for what is
// none of ours.
func ParsePath(path string) (n Name, ok bool) {
	kind, rest, deep := strings.Cut(path, "/")
	n.Kind = kind
	first, second, both := strings.Cut(rest, "/")
	var errs [2]error
	switch {
	case n.IsRecord() || kind == kindPart:
		n.Scope, errs[0] = url.PathUnescape(first)
		n.Key, errs[1] = url.PathUnescape(second)
		ok = both && n.Scope != "" && n.Key != ""
	case kind == kindReplica || kind == kindOwner || kind == kindHead:
		n.Key, errs[0] = url.PathUnescape(first)
		ok = !both && n.Key != ""
	case kind == kindFormat || kind == kindRecovered:
		ok = !deep
	}
	return n, ok && errs[0] == nil && errs[1] == nil
}
