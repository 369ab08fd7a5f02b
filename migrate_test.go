package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"prefetch_exporter/poller/record"
	"prefetch_exporter/prefetch"
	"prefetch_exporter/store"
)

// TestAStoreWithAccessKeysInClear starts on a store as the first version wrote it:
// the calls in its ledger hold the quota as before, and no file has the access key
// any more, not even in what is free.
func TestAStoreWithAccessKeysInClear(t *testing.T) {
	t.Parallel()
	const key = "AKTEST"
	for name, calls := range map[string]int{"spent": 1, "free": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, config := huaweiVendor(t)
			_, endpoint, _ := strings.Cut(config, "endpoint: http://")
			host, _, _ := strings.Cut(endpoint, "\n")
			identity := "huaweicloud_vod|" + host + "|" + key
			file, data := writeFile(t, "config.yml", config), t.TempDir()
			oldStore(t, data, identity, calls)
			if !holds(t, data, key) {
				t.Fatal("the old store has no access key: the test tests nothing")
			}

			for range 2 {
				if _, stderr, err := command(t, "--once", "--config.file="+file, "--storage.path="+data); err != nil {
					t.Fatalf("%v\n%s", err, stderr)
				}
			}
			if n := vendor.Stats().Calls; n != 1-calls {
				t.Errorf("%d calls, want %d: the quota is one call an hour", n, 1-calls)
			}
			if holds(t, data, key) {
				t.Error("the folder still has the access key")
			}

			db, err := store.Open(store.Options{Path: data, Migrations: record.Migrations()})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			found := map[string]int{}
			err = db.Scan(store.Ledger, func(scope, key string, _ []byte) error {
				if _, err := strconv.ParseUint(key, 10, 64); err == nil {
					key = "a call" // whose number is chance
				}
				found[scope+" "+key]++
				return nil
			})
			want := map[string]int{
				prefetch.HashedIdentity(identity) + " a call": 1,
				"login 0123 abcd": 1, "an identity of tests a call": 1,
			}
			if err != nil || fmt.Sprint(found) != fmt.Sprint(want) {
				t.Errorf("the ledger has %v, want %v (%v)", found, want, err)
			}
		})
	}
}

// oldStore makes a store of version 1, whose ledger has so many calls of now.
func oldStore(t *testing.T, folder, identity string, calls int) {
	t.Helper()
	db, err := store.Open(store.Options{Path: folder})
	if err != nil {
		t.Fatal(err)
	}
	now, err := json.Marshal(time.Now().Add(-10 * time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	call := []byte(fmt.Sprintf(`{"begun":{"wall":%[1]s},"ended":{"wall":%[1]s}}`, now))
	ops := []store.Op{
		{Table: store.Ledger, Scope: "login 0123", Key: "abcd", Value: []byte("{}")},
		{Table: store.Ledger, Scope: "an identity of tests", Key: "00000000000000000001", Value: call},
		{
			Table: store.Accounts, Scope: "huaweicloud_vod:vod", Key: "state",
			Value: []byte(fmt.Sprintf(`{"health":{"up":true},"learned":{},"identity":%q}`, identity)),
		},
		{Table: store.Accounts, Scope: "broken", Key: "state", Value: []byte(identity)},
	}
	for i := range calls {
		ops = append(ops, store.Op{Table: store.Ledger, Scope: identity, Key: fmt.Sprintf("%020d", i+1), Value: call})
	}
	if err := db.Write(ops...); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// holds reports whether a file of the folder has the text.
func holds(t *testing.T, folder, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}
