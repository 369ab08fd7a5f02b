package config

import (
	"bytes"
	"fmt"
	"slices"

	promconfig "github.com/prometheus/common/config"
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

// maskHTTP returns what may be shown of those of c's keys that are among keys;
// nil if none is set.
func maskHTTP(c promconfig.HTTPClientConfig, keys []string) (*yaml.Node, error) {
	var all, view yaml.Node
	if err := all.Encode(c); err != nil {
		return nil, fmt.Errorf("http_client_config: %w", err)
	}
	view = yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i < len(all.Content); i += 2 {
		if slices.Contains(keys, all.Content[i].Value) {
			view.Content = append(view.Content, all.Content[i], all.Content[i+1])
		}
	}
	if len(view.Content) == 0 {
		return nil, nil //nolint:nilnil // no key is set, so none is shown
	}
	maskHTTPNode(&view, false)
	return &view, nil
}

// maskHTTPNode masks what prometheus/common shows in clear though it may hold
// credentials: URLs with a user name, the parameters that are sent to fetch a
// token, and values of headers. All of a hidden node is masked.
func maskHTTPNode(node *yaml.Node, hidden bool) {
	if hidden && node.Kind == yaml.ScalarNode {
		node.SetString(secret.Masked)
	}
	for i, child := range node.Content {
		key := ""
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			key = node.Content[i-1].Value
		}
		switch {
		case !hidden && (key == "proxy_url" || key == "token_url"):
			child.Value = maskedURL(child.Value)
		default:
			maskHTTPNode(child, hidden || key == "endpoint_params" || key == "values" || key == "claims")
		}
	}
}
