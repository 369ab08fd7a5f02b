package client

import (
	"fmt"
	"slices"

	promconfig "github.com/prometheus/common/config"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/secret"
)

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
			child.Value = address.Masked(child.Value)
		default:
			maskHTTPNode(child, hidden || key == "endpoint_params" || key == "values" || key == "claims")
		}
	}
}
