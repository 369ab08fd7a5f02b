package exporter

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
	"golang.org/x/crypto/bcrypt"
)

// checkWebConfig reports everything that is wrong with the file of
// --web.config.file; an empty name is no file. exporter-toolkit judges it, but
// names neither the file nor the user whose hash is none, and quotes what stands
// where the users belong, which may be a password.
func checkWebConfig(file string) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the web configuration cannot be read: %w", err)
	}
	if err := checkUsers(file, data); err != nil {
		return err
	}
	if err := toolkit.Validate(file); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// checkUsers reports which of the users have no bcrypt hash.
func checkUsers(file string, data []byte) error {
	const key = "basic_auth_users"
	var doc struct {
		Users yaml.Node `yaml:"basic_auth_users"`
	}
	err := yaml.Unmarshal(data, &doc)
	if _, ok := errors.AsType[*yaml.TypeError](err); ok {
		return fmt.Errorf("%s: must be a mapping", file)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var users map[string]yaml.Node
	if err := doc.Users.Decode(&users); err != nil {
		return fmt.Errorf("%s:%d: %s: must be a mapping of user names to bcrypt hashes", file, doc.Users.Line, key)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(users)) {
		hash := users[name]
		if _, err := bcrypt.Cost([]byte(hash.Value)); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s.%s: is not a bcrypt hash; `htpasswd -nBC 10 %s` makes one",
				file, hash.Line, key, name, name))
		}
	}
	return errors.Join(errs...)
}
