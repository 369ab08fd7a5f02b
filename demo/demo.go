package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// The simulated vendors' only user.
//
//nolint:gosec // no secrets: the vendors live in this process and listen on loopback only
const (
	project   = "0123456789abcdef0123456789abcdef"
	domain    = "fedcba9876543210fedcba9876543210"
	accessKey = "AKDEMO"
	secretKey = "demo-secret-key"
	username  = "demo"
	apiKey    = "demo-api-key"
)

const (
	// The quotas are scaled so that something moves within seconds: CDNetworks really
	// answers one call in five minutes.
	calls            = 60
	cdnetworksPeriod = 2 * time.Second
	// Answers take about as long as over a real network.
	latency = 300 * time.Millisecond
	seed    = 20261121

	readHeaderTimeout = 5 * time.Second
)

// vendor is a simulated vendor, and the account that watches it.
type vendor struct {
	Account string
	// Limit is the account's rate_limit, and Section what the configuration says of
	// the vendor, below its endpoint.
	Limit, Name, Section string
	// Discovers: nobody names the tasks.
	Discovers bool
	Address   string

	server interface {
		http.Handler
		Submit(task simulator.Task)
	}
	owner  string // of the tasks
	urls   int    // in each
	reason string // why URLs fail, in the vendor's words
}

// vendors are the four CDNs that the content of a launch is on.
func vendors() []*vendor {
	keys := map[string]string{accessKey: secretKey}
	quota := simulator.Quota{Calls: calls, Per: time.Minute}
	section := func(lines ...string) string { return strings.Join(lines, "\n      ") }
	return []*vendor{
		{
			Account: "vod-demo", Limit: fmt.Sprintf("calls: %d, per: 1m", calls), Name: "huaweicloud_vod",
			Section: section("project_id: "+project, "access_key: "+accessKey, "secret_key: "+secretKey),
			server: simhuaweicloud.New(simhuaweicloud.Options{
				Quota: quota, Latency: simulator.Jitter(seed, latency), AccessKeys: keys,
			}),
			owner: project, urls: huaweiURLs,
		},
		{
			Account: "edge-demo", Limit: fmt.Sprintf("calls: 1, per: %v", cdnetworksPeriod), Name: "cdnetworks",
			Section: section("username: "+username, "api_key: "+apiKey, "watch_window: true"),
			server: simcdnetworks.New(simcdnetworks.Options{
				Quota:   simulator.Quota{Calls: 1, Per: cdnetworksPeriod},
				Latency: simulator.Jitter(seed+1, latency), APIKeys: map[string]string{username: apiKey},
			}),
			owner: username, urls: otherURLs,
		},
		{
			Account: "cn-demo", Limit: fmt.Sprintf("calls: %d, per: 1m", calls), Name: "huaweicloud_cdn", Discovers: true,
			Section: section("access_key: "+accessKey, "secret_key: "+secretKey),
			server: simhuaweicloud.NewCDN(simhuaweicloud.CDNOptions{
				Quota: quota, Latency: simulator.Jitter(seed+2, latency), DomainID: domain, AccessKeys: keys,
			}),
			owner: domain, urls: otherURLs, reason: "ORIGIN_ERROR: the origin answered 503",
		},
		{
			Account: "ali-demo", Limit: fmt.Sprintf("calls: %d, per: 1m", calls), Name: "alibabacloud_cdn",
			Section: section("access_key_id: "+accessKey, "access_key_secret: "+secretKey),
			server: simalibabacloud.New(simalibabacloud.Options{
				Quota: quota, Latency: simulator.Jitter(seed+3, latency), AccessKeys: keys,
			}),
			owner: accessKey, urls: otherURLs, reason: "Origin Timeout",
		},
	}
}

// Demo is the simulated vendors, running.
type Demo struct {
	// ConfigFile is the configuration of an exporter that watches them.
	ConfigFile string

	servers []*http.Server
}

// Start starts the vendors and writes the configuration into folder. The demo
// must be closed.
func Start(ctx context.Context, folder string) (*Demo, error) {
	launches, vendors := launches(time.Now()), vendors()
	d := &Demo{ConfigFile: filepath.Join(folder, "config.yml")}
	for _, v := range vendors {
		for _, l := range launches {
			v.server.Submit(l.task(v))
		}
		address, err := d.serve(ctx, v.server)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		v.Address = address
	}
	if err := d.writeConfig(vendors, launches); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// serve serves h on a free port of the loopback interface.
func (d *Demo) serve(ctx context.Context, h http.Handler) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("simulated vendor: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: readHeaderTimeout}
	d.servers = append(d.servers, server)
	go func() { _ = server.Serve(listener) }() // ends with Close
	return listener.Addr().String(), nil
}

// Close ends the simulated vendors.
func (d *Demo) Close() error {
	var errs []error
	for _, s := range d.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (d *Demo) writeConfig(vendors []*vendor, launches []launch) (err error) {
	f, err := os.OpenFile(d.ConfigFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("demo configuration: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	config, err := template.New("config").Funcs(template.FuncMap{
		"time": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).Parse(configTemplate)
	if err != nil {
		return fmt.Errorf("demo configuration: %w", err)
	}
	if err = config.Execute(f, map[string]any{"Vendors": vendors, "Launches": launches}); err != nil {
		return fmt.Errorf("demo configuration: %w", err)
	}
	return nil
}

const configTemplate = `# Written by prefetch_exporter --demo.
global:
  poll_interval: 5s
accounts:
{{- range .Vendors }}
  - name: {{ .Account }}
    rate_limit: {{ "{" }}{{ .Limit }}{{ "}" }}
    {{ .Name }}:
      endpoint: http://{{ .Address }}
      {{ .Section }}
    {{ if .Discovers }}discover: 24h{{ else }}tasks:
{{- range $.Launches }}
      - id: {{ .ID }}
        created: {{ time .Created }}
        {{ with .Deadline }}deadline: {{ time . }}{{ end }}
        labels: {title: {{ printf "%q" .Title }}}
{{- end }}{{ end }}
{{- end }}
`
