package replica

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/prefetch"
)

// Service is one identity that a replica can ask for, as the others read it.
type Service struct {
	// Identity is what the vendor counts calls by.
	Identity string `json:"identity"`
	// Calls in each Per are the strictest limit that the replica's accounts state.
	Calls int           `json:"calls"`
	Per   time.Duration `json:"per_ns"`
	// Accounts are the accounts of the identity, as [AccountKey] names them, and a
	// fingerprint of the configuration of each. It must not hold a secret.
	Accounts map[string]string `json:"accounts"`
}

// AccountKey names an account in a [Service]: its provider, a colon and its name.
func AccountKey(a prefetch.Account) string { return a.Provider + ":" + a.Name }

func accountOf(key string) prefetch.Account {
	provider, name, _ := strings.Cut(key, ":")
	return prefetch.Account{Provider: provider, Name: name}
}

// registration is what a replica tells the others of itself. A replica reads those of
// older and newer versions: fields are added, and never change what they mean.
type registration struct {
	// Version is that of the records that the replica reads and writes.
	Version  int       `json:"version"`
	Services []Service `json:"services"`
}

// encode returns the registration of a replica.
func encode(version int, services []Service) []byte {
	r := registration{Version: version, Services: append([]Service{}, services...)}
	slices.SortFunc(r.Services, func(a, b Service) int { return strings.Compare(a.Identity, b.Identity) })
	value, err := json.Marshal(r)
	if err != nil {
		// Texts and numbers always marshal.
		panic(err)
	}
	return value
}

// decode reads the registration of a replica. One that has not said anything yet serves
// nothing.
func decode(value []byte) (*registration, error) {
	if len(value) == 0 {
		return &registration{Version: math.MaxInt}, nil
	}
	r := &registration{}
	if err := json.Unmarshal(value, r); err != nil {
		return nil, fmt.Errorf("what a replica has registered: %w", err)
	}
	if r.Version <= 0 {
		return nil, errors.New("what a replica has registered has no version")
	}
	return r, nil
}

func (r *registration) identities() []string {
	identities := make([]string, 0, len(r.Services))
	for _, s := range r.Services {
		identities = append(identities, s.Identity)
	}
	return identities
}

// accounts are the fingerprints of all accounts.
func (r *registration) accounts() map[string]string {
	all := map[string]string{}
	for _, s := range r.Services {
		maps.Copy(all, s.Accounts)
	}
	return all
}

// limits are what the members but for one state for each identity.
func limits(members map[string]*registration, but string) map[string][]prefetch.Limit {
	stated := map[string][]prefetch.Limit{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == but {
			continue
		}
		for _, s := range members[name].Services {
			// No limit at all is none that could be kept.
			if l := (prefetch.Limit{Calls: s.Calls, Per: s.Per}); l.Calls > 0 && l.Per > 0 && !slices.Contains(stated[s.Identity], l) {
				stated[s.Identity] = append(stated[s.Identity], l)
			}
		}
	}
	return stated
}
