package prefetch

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	// hashMark begins what is hashed in an identity.
	hashMark = "sha256:"
	// hashBytes is how much of the hash tells two apart.
	hashBytes = 16
)

// Identity names whom a vendor counts, as "provider|endpoint host|sha256:…". Who
// that is (a user name, an access key, a domain) is hashed: an access key is half
// of a credential, and an identity is kept, compared and shown in errors.
func Identity(provider, host, who string) string {
	sum := sha256.Sum256([]byte(who))
	return provider + "|" + host + "|" + hashMark + hex.EncodeToString(sum[:hashBytes])
}

// HashedIdentity returns an identity that has who in clear, as the exporter once
// wrote it, as [Identity] does; one of another form as it is.
func HashedIdentity(identity string) string {
	provider, rest, _ := strings.Cut(identity, "|")
	host, who, ok := strings.Cut(rest, "|")
	if !ok || strings.HasPrefix(who, hashMark) {
		return identity
	}
	return Identity(provider, host, who)
}
