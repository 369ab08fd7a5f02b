package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	simhuaweicloud "prefetch_exporter/vendor_api/simulator/huaweicloud"
)

// The simulated vendors' only user.
//
//nolint:gosec // no secrets: both vendors live in this process and listen on loopback only
const (
	project   = "0123456789abcdef0123456789abcdef"
	accessKey = "AKDEMO"
	secretKey = "demo-secret-key"
	username  = "demo"
	apiKey    = "demo-api-key"
)

const (
	// The quotas are scaled so that something moves within seconds. The real
	// ones are 100 calls a minute and one call in five minutes.
	huaweiCalls      = 100
	huaweiPeriod     = time.Minute
	cdnetworksCalls  = 1
	cdnetworksPeriod = 2 * time.Second
	// Answers take about as long as over a real network.
	latency = 300 * time.Millisecond
	seed    = 20261121

	readHeaderTimeout = 5 * time.Second
)

// Demo is the two simulated vendors, running.
type Demo struct {
	// ConfigFile is the configuration of an exporter that watches them.
	ConfigFile string

	servers []*http.Server
}

// Start starts the vendors and writes the configuration into folder. The demo
// must be closed.
func Start(ctx context.Context, folder string) (*Demo, error) {
	start := time.Now()
	vod := simhuaweicloud.New(simhuaweicloud.Options{
		Quota:      simulator.Quota{Calls: huaweiCalls, Per: huaweiPeriod},
		Latency:    simulator.Jitter(seed, latency),
		Projects:   []string{project},
		AccessKeys: map[string]string{accessKey: secretKey},
	})
	edge := simcdnetworks.New(simcdnetworks.Options{
		Quota:   simulator.Quota{Calls: cdnetworksCalls, Per: cdnetworksPeriod},
		Latency: simulator.Jitter(seed+1, latency),
		APIKeys: map[string]string{username: apiKey},
	})
	launches := launches(start)
	for _, l := range launches {
		vod.Submit(l.task(project, huaweiURLs))
		edge.Submit(l.task(username, cdnetworksURLs))
	}

	d := &Demo{ConfigFile: filepath.Join(folder, "config.yml")}
	addresses := make([]string, 0, 2)
	for _, h := range []http.Handler{vod, edge} {
		address, err := d.serve(ctx, h)
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		addresses = append(addresses, address)
	}
	if err := d.writeConfig(addresses[0], addresses[1], launches); err != nil {
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

func (d *Demo) writeConfig(vod, edge string, launches []launch) (err error) {
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
	err = config.Execute(f, map[string]any{
		"VOD": vod, "Edge": edge, "Launches": launches,
		"Project": project, "AccessKey": accessKey, "SecretKey": secretKey,
		"Username": username, "APIKey": apiKey,
		"VODCalls": huaweiCalls, "EdgeCalls": cdnetworksCalls, "EdgePeriod": cdnetworksPeriod,
	})
	if err != nil {
		return fmt.Errorf("demo configuration: %w", err)
	}
	return nil
}

const configTemplate = `# Written by prefetch_exporter --demo.
global:
  poll_interval: 5s
accounts:
  - name: vod-demo
    rate_limit: {calls: {{ .VODCalls }}, per: 1m}
    huaweicloud_vod:
      endpoint: http://{{ .VOD }}
      project_id: {{ .Project }}
      access_key: {{ .AccessKey }}
      secret_key: {{ .SecretKey }}
    tasks:{{ template "tasks" .Launches }}
  - name: edge-demo
    rate_limit: {calls: {{ .EdgeCalls }}, per: {{ .EdgePeriod }}}
    cdnetworks:
      endpoint: http://{{ .Edge }}
      username: {{ .Username }}
      api_key: {{ .APIKey }}
      watch_window: true
    tasks:{{ template "tasks" .Launches }}
{{ define "tasks" }}{{ range . }}
      - id: {{ .ID }}
        created: {{ time .Created }}
        {{ with .Deadline }}deadline: {{ time . }}{{ end }}
        labels: {title: {{ printf "%q" .Title }}}
{{- end }}{{ end }}
`
