package etcdtest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"prefetch_exporter/internal/programtest"
)

// Member is one etcd server, m0, m1 or m2.
type Member struct {
	*programtest.Program

	data                 string
	client, peer, status string // URLs
}

// Endpoint returns the member's address for clients.
func (m *Member) Endpoint() string { return m.client }

// waitReady returns when the member knows of a leader, or does not run.
func (m *Member) waitReady(ctx context.Context) error {
	for {
		if m.PID() == 0 {
			return m.Lost()
		}
		if value, err := m.Metric(ctx, "etcd_server_has_leader"); err == nil && value == 1 {
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("etcd member %s has no leader: %w", m.Name, err)
		}
	}
}

// Metric returns the sum of a metric's series, as the member itself tells it: it
// needs neither a quorum nor a user.
func (m *Member) Metric(ctx context.Context, name string) (float64, error) {
	const limit = time.Second // a member that is paused does not answer
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.status+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("metrics of %s: %w", m.Name, err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, fmt.Errorf("metrics of %s: %w", m.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	sum := 0.0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if series, _, _ = strings.Cut(series, "{"); series != name {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s of %s: %w", name, m.Name, err)
		}
		sum += number
	}
	return sum, nil
}

// log returns the end of the member's log.
func (m *Member) log() string {
	const most = 4096
	text, err := os.ReadFile(m.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
