package huaweicloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

const (
	// tokenLife is how long a token of IAM is valid (API reference, "Obtaining
	// a User Token Through Password Authentication").
	tokenLife = 24 * time.Hour
	// A token is replaced when renewNumerator/renewDenominator of its life have
	// passed: six hours before its end, so that an IAM that is down for a while
	// goes unnoticed.
	renewNumerator, renewDenominator = 3, 4
)

// IAMOptions are the settings of [IAM]; Logins, Token and Now can be left out.
type IAMOptions struct {
	// Endpoint is scheme and host of IAM, such as
	// https://iam.ap-southeast-3.myhuaweicloud.com.
	Endpoint string
	// Domain is the account name that the user belongs to.
	Domain string
	// Username is the IAM user's name.
	Username string
	// Password returns the user's password; it is called for every fetch.
	Password func() string
	// ProjectID is the project that the token is good for; empty for one that is good
	// for the whole account, which a global service such as CDN takes.
	ProjectID string
	// Client sends the requests.
	Client *vendorapi.Client
	// Logins keeps a password that was refused from being sent again too soon;
	// nil sends it whenever a token is needed.
	Logins vendorapi.Logins
	// Token is where the token is kept, so that it can outlive the Auth; nil means
	// nowhere else.
	Token *IAMToken
	// Now is the clock; nil means the clock of the provider that asks.
	Now func() time.Time
}

// IAM sends a token that it fetches with a password (POST /v3/auth/tokens),
// keeps, and replaces long before its end, or after the vendor refused it. It
// never fetches by itself, only when a request needs a token, and requests that
// need one at the same time share one fetch, its failure included.
func IAM(o IAMOptions) Auth {
	if o.Token == nil {
		o.Token = &IAMToken{}
	}
	return &iam{opts: o, IAMToken: o.Token}
}

type iam struct {
	*IAMToken

	opts IAMOptions
}

// IAMToken is a token of IAM, for one user and one project or account. Its zero value has not
// been fetched yet. It is safe for concurrent use.
type IAMToken struct {
	mu      sync.Mutex
	token   string
	renewAt time.Time
	// fetch is the fetch under way; nil if there is none.
	fetch *tokenFetch
}

// tokenFetch is one fetch, done by the request that began it; others wait.
type tokenFetch struct {
	done chan struct{}
	// What follows is set before done is closed.
	token string
	err   error
	// abandoned: the request that did the fetch was given up meanwhile, which
	// says nothing to the others.
	abandoned bool
}

func (a *iam) Authorize(ctx context.Context, req *http.Request, _ []byte, now time.Time) error {
	if a.opts.Now != nil {
		now = a.opts.Now()
	}
	token, err := a.currentToken(ctx, now)
	if err != nil {
		return err
	}
	req.Header.Set(headerAuthToken, token)
	return nil
}

// Secrets is empty: the password is sent to IAM alone, whose answers do not show
// it, and the token is on the request.
func (*iam) Secrets() []string { return nil }

// Refused drops the token on req if it is still the one that is kept: of
// several requests under way with an old token, only the first drops anything.
func (a *IAMToken) Refused(req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token == req.Header.Get(headerAuthToken) {
		a.token = ""
	}
}

func (a *iam) currentToken(ctx context.Context, now time.Time) (string, error) {
	for {
		token, f, ours := a.lookUp(now)
		switch {
		case token != "":
			return token, nil
		case ours:
			a.run(ctx, f, now)
			return f.token, f.err
		}
		select {
		case <-f.done:
			if !f.abandoned {
				return f.token, f.err
			}
		case <-ctx.Done():
			return "", waitEnded(ctx)
		}
	}
}

// lookUp returns the token that is kept, else the fetch under way, else a new
// one that is the caller's to run.
func (a *IAMToken) lookUp(now time.Time) (token string, f *tokenFetch, ours bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && now.Before(a.renewAt) {
		return a.token, nil, false
	}
	if a.fetch == nil {
		a.fetch = &tokenFetch{done: make(chan struct{})}
		return "", a.fetch, true
	}
	return "", a.fetch, false
}

// run does the fetch f and lets those who wait for it go on.
func (a *iam) run(ctx context.Context, f *tokenFetch, now time.Time) {
	var life time.Duration
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if f.err == nil {
			// Counted from before the request, so never too long.
			a.token, a.renewAt = f.token, now.Add(life/renewDenominator*renewNumerator)
		}
		f.abandoned = f.err != nil && ctx.Err() != nil
		a.fetch = nil
		close(f.done)
	}()
	f.token, life, f.err = a.request(ctx, now)
}

func waitEnded(ctx context.Context) error {
	reason := prefetch.ReasonUnavailable
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		reason = prefetch.ReasonTimeout
	}
	return &vendorapi.Error{
		Reason: reason, Unsent: true,
		Err: fmt.Errorf("waiting for a token from IAM: %w", context.Cause(ctx)),
	}
}

// request fetches a token and tells how long it is good for.
func (a *iam) request(ctx context.Context, now time.Time) (token string, life time.Duration, err error) {
	password := a.opts.Password()
	if password == "" {
		return "", 0, vendorapi.NoCredentials("the password for IAM is empty")
	}
	send := func() (refused bool) {
		token, life, err = a.send(ctx, now, password)
		return passwordRefused(err)
	}
	if a.opts.Logins == nil {
		send()
	} else {
		login, failure := a.opts.Logins.Try(ctx, a.opts.Domain+"/"+a.opts.Username, password, send)
		switch {
		case failure != nil && ctx.Err() != nil:
			return "", 0, waitEnded(ctx)
		case failure != nil:
			err = &vendorapi.Error{Reason: prefetch.ReasonUnavailable, Unsent: true, Err: failure}
		case !login.Again.IsZero():
			err = tooSoon(err, login)
		}
	}
	return token, life, err
}

// passwordRefused reports whether IAM answered that it does not let the user in.
// It counts its tries then, and locks the user after a few.
func passwordRefused(err error) bool {
	e := vendorapi.AsError(err)
	return e != nil && (e.HTTPStatus == http.StatusUnauthorized || e.HTTPStatus == http.StatusForbidden)
}

// tooSoon is the error of a password that was refused: just now, as err says, or
// before.
func tooSoon(err error, login vendorapi.Login) error {
	const refused = "password refused by IAM; "
	again := "tried again at " + login.Again.UTC().Format("15:04:05Z") + " unless it changes"
	if login.Sent {
		e := *vendorapi.AsError(err)
		e.Again, e.Err = login.Again, fmt.Errorf("%w: %s", e.Err, refused+again)
		return &e
	}
	text := refused + again
	if login.Unheard {
		text = "the exporter ended before it heard whether IAM refused the password; " + again
	}
	return &vendorapi.Error{Reason: prefetch.ReasonAuth, Unsent: true, Again: login.Again, Err: errors.New(text)}
}

// inBody is a password that its request holds already.
type inBody string

func (inBody) Authorize(context.Context, *http.Request, []byte, time.Time) error { return nil }

func (p inBody) Secrets() []string { return []string{string(p)} }

func (a *iam) send(ctx context.Context, now time.Time, password string) (token string, life time.Duration, err error) {
	call := vendorapi.Call{Client: a.opts.Client, Auth: inBody(password), RequestID: headerRequestID}
	_, err = call.Do(ctx, vendorapi.Query{}, func(ctx context.Context, _ *vendorapi.Query) (*http.Request, []byte, error) {
		return a.newRequest(ctx, password)
	}, func(x *vendorapi.Exchange) (vendorapi.Answer, error) {
		token, life = x.Response.Header.Get("X-Subject-Token"), lifeOf(x.Response, now)
		if x.Response.Status >= http.StatusMultipleChoices || token == "" {
			return vendorapi.Answer{}, noToken(x)
		}
		return vendorapi.Answer{}, vendorapi.CheckCredential("the token from IAM", token)
	})
	if err != nil {
		return "", 0, accountError(vendorapi.AsError(err))
	}
	return token, life, nil
}

func (a *iam) newRequest(ctx context.Context, password string) (req *http.Request, body []byte, err error) {
	type (
		name    map[string]string
		user    map[string]any
		content map[string]any
	)
	scope := content{"project": name{"id": a.opts.ProjectID}}
	if a.opts.ProjectID == "" {
		scope = content{"domain": name{"name": a.opts.Domain}}
	}
	login := content{"auth": content{
		"identity": content{
			"methods": []string{"password"},
			"password": content{"user": user{
				"domain": name{"name": a.opts.Domain}, "name": a.opts.Username, "password": password,
			}},
		},
		"scope": scope,
	}}
	endpoint, err := vendorapi.ParseEndpoint(a.opts.Endpoint)
	if err != nil {
		return nil, nil, err
	}
	endpoint.Path = "/v3/auth/tokens"
	if req, body, err = vendorapi.NewRequest(ctx, http.MethodPost, endpoint, login); err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, body, nil
}

// noToken is the error of an answer without a token.
func noToken(x *vendorapi.Exchange) error {
	if x.Response.Status < http.StatusBadRequest {
		// The body of a success describes the user and tells nothing else.
		return &vendorapi.Error{Reason: prefetch.ReasonUnavailable}
	}
	w := readWords(x.Response.Body)
	return w.error(x)
}

// accountError makes e the error of a request that was never sent for want of a
// token. That concerns the account whatever the task, so the reasons that
// concern a task are turned into what they mean here: a request for a token
// that IAM does not accept holds names that it does not know.
func accountError(e *vendorapi.Error) error {
	const what = "no token from IAM"
	if e.Err == nil {
		e.Err = errors.New(what)
	} else {
		e.Err = fmt.Errorf(what+": %w", e.Err)
	}
	e.Unsent = true
	switch e.Reason {
	case prefetch.ReasonInvalid:
		e.Reason = prefetch.ReasonAuth
	case prefetch.ReasonNotFound, prefetch.ReasonDecode:
		e.Reason = prefetch.ReasonUnavailable
	default:
	}
	return e
}

// lifeOf is how long the token in resp is good for, by the vendor's clock alone
// as far as it tells, so that a wrong clock here does not matter.
func lifeOf(resp *vendorapi.Response, now time.Time) time.Duration {
	var doc struct {
		Token struct {
			ExpiresAt string `json:"expires_at"`
			IssuedAt  string `json:"issued_at"`
		} `json:"token"`
	}
	if json.Unmarshal(resp.Body, &doc) != nil {
		return tokenLife
	}
	end, err := time.Parse(time.RFC3339, doc.Token.ExpiresAt)
	if err != nil {
		return tokenLife
	}
	begin, err := time.Parse(time.RFC3339, doc.Token.IssuedAt)
	switch {
	case err == nil:
	case !resp.Date.IsZero():
		begin = resp.Date
	default:
		begin = now
	}
	return min(max(end.Sub(begin), 0), tokenLife)
}
