// Package api asks an exporter by its JSON API, which docs/http_api.md describes.
// It must not know who asks, or why. Keys that it does not know are ignored, so
// that an older tool understands a newer exporter.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
)

const (
	// perRequest bounds one request: a PUT that waits for a disk is answered after
	// 10 s at the latest.
	perRequest = 30 * time.Second
	// maxAnswer bounds what is read of an answer: 10,000 URLs with words are less.
	maxAnswer = 256 << 20
	// maxExcerpt bounds what is shown of an answer that is not the exporter's.
	maxExcerpt = 200
	// rowsPerPart is how many URLs the API gives in one answer at most.
	rowsPerPart = 10_000
)

// Client asks one exporter. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// Error is the exporter's answer that it does not do what was asked.
type Error struct {
	// Status is that of HTTP, Type the word of the envelope; empty if the answer was
	// no envelope.
	Status  int
	Type    string
	Message string
}

// Error tells the status and what the exporter said.
func (e *Error) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("HTTP %d: %s", e.Status, e.Message)
	}
	return fmt.Sprintf("%s (HTTP %d): %s", e.Type, e.Status, e.Message)
}

// UnreachableError is that no exporter answered: none was there, it is just
// starting, or a proxy before it found none.
type UnreachableError struct{ Err error }

// Error says why.
func (e *UnreachableError) Error() string { return "the exporter cannot be reached: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Unreachable reports whether err is that no exporter answered.
func Unreachable(err error) bool {
	_, ok := errors.AsType[*UnreachableError](err)
	return ok
}

// Temporary reports whether the same request may be answered later: no exporter
// answered, or one that could not do it at present (HTTP 503).
func Temporary(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return Unreachable(err) || ok && refused.Status == http.StatusServiceUnavailable
}

// New returns a client of the exporter at an address, which may have a path and a
// user with a password. configFile, unless it is empty, is a file as amtool has it
// for --http.config.file: TLS, basic authentication, tokens, a proxy.
func New(address, configFile, userAgent string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the exporter's URL must begin with http:// or https:// and name a host")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the exporter's URL must have no query and no fragment")
	}
	config := promconfig.DefaultHTTPClientConfig
	if configFile != "" {
		loaded, _, err := promconfig.LoadHTTPConfigFile(configFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", configFile, err)
		}
		config = *loaded
	}
	if u.User != nil {
		if config.BasicAuth != nil || config.Authorization != nil || config.OAuth2 != nil {
			return nil, errors.New("both the exporter's URL and the HTTP configuration file say who asks; only one can")
		}
		password, _ := u.User.Password()
		config.BasicAuth = &promconfig.BasicAuth{Username: u.User.Username(), Password: promconfig.Secret(password)}
		u.User = nil
	}
	client, err := promconfig.NewClientFromConfig(config, "prefetchtool", promconfig.WithUserAgent(userAgent))
	if err != nil {
		return nil, fmt.Errorf("HTTP client: %w", err)
	}
	client.Timeout = perRequest
	return &Client{base: strings.TrimRight(u.String(), "/"), http: client}, nil
}

// Answer is what the exporter said, unread.
type Answer struct {
	Data     json.RawMessage
	Warnings []string
	// Created: a PUT added the task and replaced none.
	Created bool
}

// Filter says which tasks are listed; what is empty leaves none out.
type Filter struct {
	// Accounts and Phases are those that a task may be of, Labels as name=value what
	// it must have.
	Accounts, Phases, Labels []string
}

// Accounts returns every account.
func (c *Client) Accounts(ctx context.Context) (accounts []Account, raw Answer, err error) {
	raw, err = c.ask(ctx, http.MethodGet, "/api/v1/accounts", nil)
	return accounts, raw, read(raw, err, &accounts)
}

// Tasks returns the watched tasks.
func (c *Client) Tasks(ctx context.Context, f Filter) (tasks []Task, raw Answer, err error) {
	query := url.Values{"account": f.Accounts, "phase": f.Phases, "label": f.Labels}
	raw, err = c.ask(ctx, http.MethodGet, "/api/v1/tasks?"+query.Encode(), nil)
	return tasks, raw, read(raw, err, &tasks)
}

// Task returns a task with as few of its URLs as the API allows, which is one.
func (c *Client) Task(ctx context.Context, account, id string) (task Task, raw Answer, err error) {
	raw, err = c.ask(ctx, http.MethodGet, taskPath(account, id)+"?limit=1", nil)
	return task, raw, read(raw, err, &task)
}

// FailedURLs returns the failed URLs of a task that are kept. They are read in
// parts, which only fit together while the task does not change: as those of a
// settled task.
func (c *Client) FailedURLs(ctx context.Context, account, id string) (failed []URL, err error) {
	for offset := 0; ; offset += rowsPerPart {
		path := taskPath(account, id) + "?limit=" + strconv.Itoa(rowsPerPart) + "&offset=" + strconv.Itoa(offset)
		raw, err := c.ask(ctx, http.MethodGet, path, nil)
		var part Task
		if err := read(raw, err, &part); err != nil {
			return nil, err
		}
		for _, u := range part.URLList {
			if u.Status == "failed" {
				failed = append(failed, u)
			}
		}
		if offset+rowsPerPart >= part.URLListTotal {
			return failed, nil
		}
	}
}

// Put adds a task, or replaces it whole.
func (c *Client) Put(ctx context.Context, account, id string, body NewTask) (task Task, raw Answer, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return task, raw, fmt.Errorf("the task: %w", err)
	}
	raw, err = c.ask(ctx, http.MethodPut, taskPath(account, id), text)
	return task, raw, read(raw, err, &task)
}

// Get returns what the exporter answers, as text, at a path such as /-/healthy.
func (c *Client) Get(ctx context.Context, path string) (string, error) {
	status, body, err := c.send(ctx, http.MethodGet, path, nil)
	text := strings.TrimSpace(string(body))
	if err == nil && status != http.StatusOK {
		err = &Error{Status: status, Message: excerpt(body)}
	}
	return text, err
}

func taskPath(account, id string) string {
	return "/api/v1/tasks/" + url.PathEscape(account) + "/" + url.PathEscape(id)
}

// ask sends a request and opens the envelope of its answer.
func (c *Client) ask(ctx context.Context, method, path string, body []byte) (Answer, error) {
	status, answer, err := c.send(ctx, method, path, body)
	if err != nil {
		return Answer{}, err
	}
	var envelope struct {
		Status    string          `json:"status"`
		Data      json.RawMessage `json:"data"`
		Warnings  []string        `json:"warnings"`
		ErrorType string          `json:"errorType"`
		Error     string          `json:"error"`
	}
	err = json.Unmarshal(answer, &envelope)
	switch {
	case err == nil && envelope.Status == "success" && status < http.StatusMultipleChoices:
		return Answer{Data: envelope.Data, Warnings: envelope.Warnings, Created: status == http.StatusCreated}, nil
	case err == nil && envelope.Status == "error":
		return Answer{}, &Error{Status: status, Type: envelope.ErrorType, Message: envelope.Error}
	case status >= http.StatusInternalServerError:
		// A proxy whose exporter is away, or one that is just starting.
		return Answer{}, &UnreachableError{&Error{Status: status, Message: excerpt(answer)}}
	default:
		return Answer{}, &Error{Status: status, Message: "not the answer of an exporter: " + excerpt(answer)}
	}
}

// send sends one request. Its error is an [*UnreachableError], or that of the
// context.
func (c *Client) send(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err == nil {
		defer resp.Body.Close()
		status = resp.StatusCode
		answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	}
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, ctx.Err() //nolint:wrapcheck // nothing of it is about the exporter
		}
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // it would repeat the whole URL
		}
		return 0, nil, &UnreachableError{err}
	}
	return status, answer, nil
}

func read(raw Answer, err error, into any) error {
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw.Data, into); err != nil {
		return fmt.Errorf("the exporter's answer cannot be read: %w", err)
	}
	return nil
}

// excerpt is the beginning of an answer, on one line.
func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	if text == "" {
		return "(empty)"
	}
	return text
}
