package config

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"prefetch_exporter/prefetch"
)

// The masked types are what the user wrote, in the form of the file, after
// defaults were filled in.
type (
	maskedConfig struct {
		Global        maskedGlobal    `yaml:"global"`
		Accounts      []maskedAccount `yaml:"accounts"`
		TaskDiscovery maskedDiscovery `yaml:"task_discovery,omitempty"`
	}
	maskedGlobal struct {
		PollInterval model.Duration `yaml:"poll_interval"`
		Retention    model.Duration `yaml:"retention"`
		MaxStaleness model.Duration `yaml:"max_staleness"`
		TaskLimit    int            `yaml:"task_limit"`
	}
	maskedAccount struct {
		Name           string            `yaml:"name"`
		RateLimit      maskedRateLimit   `yaml:"rate_limit,flow"`
		PollInterval   model.Duration    `yaml:"poll_interval"`
		HuaweiCloudVOD *maskedHuawei     `yaml:"huaweicloud_vod,omitempty"`
		CDNetworks     *maskedCDNetworks `yaml:"cdnetworks,omitempty"`
		Tasks          []maskedTask      `yaml:"tasks,omitempty"`
	}
	maskedRateLimit struct {
		Calls int            `yaml:"calls"`
		Per   model.Duration `yaml:"per"`
	}
	maskedHuawei struct {
		Region        string            `yaml:"region,omitempty"`
		Endpoint      string            `yaml:"endpoint"`
		ProjectID     string            `yaml:"project_id"`
		Keys          map[string]string `yaml:",inline"`
		IAM           *maskedIAM        `yaml:"iam,omitempty"`
		HTTPClientCfg *yaml.Node        `yaml:"http_client_config,omitempty"`
	}
	maskedIAM struct {
		Endpoint string            `yaml:"endpoint"`
		Domain   string            `yaml:"domain"`
		Username string            `yaml:"username"`
		Keys     map[string]string `yaml:",inline"`
	}
	maskedCDNetworks struct {
		Endpoint      string            `yaml:"endpoint"`
		Username      string            `yaml:"username,omitempty"`
		Keys          map[string]string `yaml:",inline"`
		TimeZone      string            `yaml:"time_zone"`
		PageSize      int               `yaml:"page_size"`
		LookBack      model.Duration    `yaml:"lookback"`
		WatchWindow   bool              `yaml:"watch_window"`
		HTTPClientCfg *yaml.Node        `yaml:"http_client_config,omitempty"`
	}
	maskedTask struct {
		ID       string            `yaml:"id"`
		Created  string            `yaml:"created,omitempty"`
		Deadline string            `yaml:"deadline,omitempty"`
		URLs     []string          `yaml:"urls,omitempty"`
		Labels   map[string]string `yaml:"labels,omitempty"`
	}
	maskedDiscovery struct {
		Files []string              `yaml:"files,omitempty"`
		HTTP  []maskedHTTPDiscovery `yaml:"http,omitempty"`
	}
	maskedHTTPDiscovery struct {
		URL             string         `yaml:"url"`
		RefreshInterval model.Duration `yaml:"refresh_interval"`
		HTTPClientCfg   *yaml.Node     `yaml:"http_client_config,omitempty"`
	}
)

func (c *Config) marshalMasked() ([]byte, error) {
	view := maskedConfig{Global: maskedGlobal{
		PollInterval: model.Duration(c.Global.PollInterval),
		Retention:    model.Duration(c.Global.Retention),
		MaxStaleness: model.Duration(c.Global.MaxStaleness),
		TaskLimit:    c.Global.TaskLimit,
	}}
	for i := range c.Accounts {
		account, err := maskAccount(&c.Accounts[i])
		if err != nil {
			return nil, err
		}
		view.Accounts = append(view.Accounts, account)
	}
	view.TaskDiscovery.Files = c.TaskDiscovery.Files
	for _, h := range c.TaskDiscovery.HTTP {
		client, err := maskHTTP(h.HTTPClientConfig, httpKeys())
		if err != nil {
			return nil, err
		}
		view.TaskDiscovery.HTTP = append(view.TaskDiscovery.HTTP, maskedHTTPDiscovery{
			URL:             maskedURL(h.URL),
			RefreshInterval: model.Duration(h.RefreshInterval),
			HTTPClientCfg:   client,
		})
	}
	return encode(view)
}

func encode(view any) ([]byte, error) {
	const indent = 2
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(indent)
	if err := encoder.Encode(view); err != nil {
		return nil, fmt.Errorf("YAML: %w", err)
	}
	return out.Bytes(), nil
}

func maskAccount(a *Account) (maskedAccount, error) {
	view := maskedAccount{
		Name:         a.Name,
		RateLimit:    maskedRateLimit{Calls: a.RateLimit.Calls, Per: model.Duration(a.RateLimit.Per)},
		PollInterval: model.Duration(a.PollInterval),
	}
	for _, task := range a.Tasks {
		view.Tasks = append(view.Tasks, maskTask(task))
	}
	var err error
	if h := a.HuaweiCloudVOD; h != nil {
		view.HuaweiCloudVOD, err = maskHuawei(h)
		return view, err
	}
	view.CDNetworks, err = maskCDNetworks(a.CDNetworks)
	return view, err
}

func maskHuawei(h *HuaweiCloudVOD) (*maskedHuawei, error) {
	client, err := maskHTTP(h.HTTPClientConfig, vendorHTTPKeys())
	view := &maskedHuawei{
		Region: h.Region, Endpoint: h.Endpoint, ProjectID: h.ProjectID,
		Keys: maskSecrets(map[string]*Secret{
			"access_key": h.AccessKey, "secret_key": h.SecretKey, "security_token": h.SecurityToken, "token": h.Token,
		}),
		HTTPClientCfg: client,
	}
	if iam := h.IAM; iam != nil {
		view.IAM = &maskedIAM{
			Endpoint: iam.Endpoint, Domain: iam.Domain, Username: iam.Username,
			Keys: maskSecrets(map[string]*Secret{"password": iam.Password}),
		}
	}
	return view, err
}

func maskCDNetworks(c *CDNetworks) (*maskedCDNetworks, error) {
	client, err := maskHTTP(c.HTTPClientConfig, vendorHTTPKeys())
	return &maskedCDNetworks{
		Endpoint: c.Endpoint, Username: c.Username,
		Keys: maskSecrets(map[string]*Secret{
			"api_key": c.APIKey, "access_key": c.AccessKey, "secret_key": c.SecretKey,
		}),
		TimeZone: c.TimeZone.String(), PageSize: c.PageSize, LookBack: model.Duration(c.LookBack), WatchWindow: c.WatchWindow,
		HTTPClientCfg: client,
	}, err
}

// maskSecrets returns the keys of the secrets that were given: the path for
// those in a file, which is no secret, and <secret> for the others.
func maskSecrets(secrets map[string]*Secret) map[string]string {
	keys := map[string]string{}
	for key, secret := range secrets {
		switch {
		case secret == nil:
		case secret.fromFile():
			keys[key+"_file"] = secret.source.path
		default:
			keys[key] = masked
		}
	}
	return keys
}

func maskTask(t prefetch.Task) maskedTask {
	return maskedTask{
		ID: t.ID, Created: maskTime(t.Created), Deadline: maskTime(t.Deadline), URLs: t.URLs, Labels: t.Labels,
	}
}

func maskTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// maskHTTP returns the keys of c that are among keys; nil if none is set.
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
	maskHTTPNode(&view)
	return &view, nil
}

// maskHTTPNode masks what prometheus/common shows in clear though it may hold
// credentials: URLs with a user name, the parameters that are sent to fetch a
// token, and values of headers.
func maskHTTPNode(node *yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		key := ""
		if node.Kind == yaml.MappingNode {
			key = node.Content[i-1].Value
		}
		switch key {
		case "proxy_url", "token_url":
			child.Value = maskedURL(child.Value)
		case "endpoint_params", "values", "claims":
			maskScalars(child)
		default:
			maskHTTPNode(child)
		}
	}
}

func maskScalars(node *yaml.Node) {
	if node.Kind == yaml.ScalarNode {
		node.SetString(masked)
		return
	}
	step := 1
	first := 0
	if node.Kind == yaml.MappingNode {
		step, first = 2, 1
	}
	for i := first; i < len(node.Content); i += step {
		maskScalars(node.Content[i])
	}
}
