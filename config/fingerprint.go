package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/secret"
)

// fingerprintSize is how many bytes of a hash are enough to tell configurations apart.
const fingerprintSize = 8

// Fingerprint is the same for two configurations of an account by which it is asked for
// alike, in hexadecimal digits: whatever its tasks, its secrets and the places of its
// files are.
func (c *Config) Fingerprint(a *Account) (string, error) {
	account := *a
	account.Tasks = nil
	var node yaml.Node
	err := node.Encode(struct {
		Identity                string
		Retention, MaxStaleness model.Duration
		TaskLimit               int
		Account                 Account
	}{a.Identity(), c.Global.Retention, c.Global.MaxStaleness, c.Global.TaskLimit, account})
	if err != nil {
		return "", fmt.Errorf("account %q: %w", a.Name, err)
	}
	leaveOut(&node)
	text, err := yaml.Marshal(&node)
	if err != nil {
		return "", fmt.Errorf("account %q: %w", a.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:fingerprintSize]), nil
}

// leaveOut takes the secrets, and what is a file, out of a mapping and of what is below it.
func leaveOut(node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		for _, child := range node.Content {
			leaveOut(child)
		}
		return
	}
	var kept []*yaml.Node
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Tag == secret.FileTag || value.Value == secret.Masked || strings.HasSuffix(key.Value, "_file") {
			continue
		}
		leaveOut(value)
		kept = append(kept, key, value)
	}
	node.Content = kept
}
