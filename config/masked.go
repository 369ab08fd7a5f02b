package config

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/secret"
)

func encode(c *Config) ([]byte, error) {
	const indent = 2
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indent)
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return out.Bytes(), nil
}

// MarshalYAML returns the configuration in the form of the file, without its
// secrets.
func (c Config) MarshalYAML() (any, error) {
	type config Config // without this method
	var node yaml.Node
	if err := node.Encode(config(c)); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	nameFiles(&node)
	return &node, nil
}

// nameFiles gives the secrets that are read from a file the keys that say so, and
// quotes times, as the file's are texts.
func nameFiles(node *yaml.Node) {
	for i, child := range node.Content {
		switch child.ShortTag() {
		case secret.FileTag:
			child.Tag = ""
			node.Content[i-1].Value += "_file"
		case "!!timestamp":
			child.Tag = "!!str"
		}
		nameFiles(child)
	}
}
