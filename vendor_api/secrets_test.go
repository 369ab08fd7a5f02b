package vendorapi_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/alibabacloud"
	"prefetch_exporter/vendor_api/baiducloud"
	"prefetch_exporter/vendor_api/cdnetworks"
	"prefetch_exporter/vendor_api/huaweicloud"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/volcengine"
)

const (
	echoedKey    = "AKLONGEXAMPLE12345678"
	echoedSecret = "SKLONGEXAMPLE/0123456789abcdef"
)

// login is one way to authenticate at a vendor; see [logins].
type login struct {
	// provider authenticates with the secrets.
	provider func(*vendorapi.Client) (vendorapi.Provider, error)
	secrets  []string
	// requestID is the header with the vendor's id of a call.
	requestID string
	// says are bodies in the vendor's own form, under a status, with %s for a text in
	// JSON.
	says map[string]int
}

// logins are the ways to authenticate at each vendor; a new vendor is one more
// element for each of its own. What is no pair of keys is the token.
func logins(token string) map[string]login {
	key, secret := func() string { return echoedKey }, func() string { return echoedSecret }
	ready := func() string { return token }
	ali := func(product alibabacloud.Product, securityToken func() string, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return alibabacloud.New(alibabacloud.Options{
					Product: product, Endpoint: "https://vendor.example", Client: c, Auth: alibabacloud.Keys(key, secret, securityToken),
				})
			},
			secrets: secrets, requestID: "X-Acs-Request-Id",
			says: map[string]int{
				`{"Code":"InvalidAccessKeyId.NotFound","Message":%s}`:                           http.StatusNotFound,
				`{"Code":%s,"RequestId":%s}`:                                                    http.StatusForbidden,
				`{"AccessDeniedDetail":{"headers":[%s]}}`:                                       http.StatusForbidden,
				`{"TotalCount":%s,"RequestId":%s,"Tasks":[%s]}`:                                 http.StatusOK,
				`{"Tasks":[{"TaskId":%s,"Status":%s,"Process":%s,"CreationTime":%s}]}`:          http.StatusOK,
				`{"Tasks":[{"ObjectPath":"u","Status":"Failed","Description":%s}]}`:             http.StatusOK,
				`{"Tasks":[{"ObjectPath":"u","ObjectType":%s,"Status":"Complete"}],"Other":%s}`: http.StatusOK,
			},
		}
	}
	vod := func(auth huaweicloud.Auth, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return huaweicloud.New(huaweicloud.Options{Endpoint: "https://vendor.example", ProjectID: "p", Client: c, Auth: auth})
			},
			secrets: secrets, requestID: "X-Request-Id",
			says: map[string]int{
				`{"error_code":"APIGW.0301","error_msg":%s}`:         http.StatusForbidden,
				`{"error_code":%s}`:                                  http.StatusForbidden,
				`{"error":{"code":"X","message":%s}}`:                http.StatusForbidden,
				`{"request":{"headers":[%s]}}`:                       http.StatusForbidden,
				`{"preheating_results":[{"url":"u","status":%s}]}`:   http.StatusOK,
				`{"preheating_results":[],"request_id":%s}`:          http.StatusOK,
				`{"error_code":"VOD.10062","error_msg":"id is %s."}`: http.StatusBadRequest,
			},
		}
	}
	cdn := func(auth huaweicloud.Auth, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return huaweicloud.NewCDN(huaweicloud.CDNOptions{Endpoint: "https://vendor.example", Client: c, Auth: auth})
			},
			secrets: secrets, requestID: "X-Request-Id",
			says: map[string]int{
				`{"error_code":"APIGW.0301","error_msg":%s}`:         http.StatusForbidden,
				`{"error":{"error_code":"CDN.0108","error_msg":%s}}`: http.StatusOK,
				`{"error":%s}`:                                             http.StatusOK,
				`{"total":%s,"urls":[]}`:                                   http.StatusOK,
				`{"total":1,"task_type":%s,"urls":[]}`:                     http.StatusOK,
				`{"total":1,"status":%s,"urls":[{"url":"u","status":%s}]}`: http.StatusOK,
				`{"total":1,"urls":[{"status":"failed","fail_classify":%s,"create_time":%s}]}`: http.StatusOK,
				`{"total":1,"status":"task_done","urls":[{"status":"failed","fail_desc":%s}]}`: http.StatusOK,
			},
		}
	}
	edge := func(auth vendorapi.Auth, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return cdnetworks.New(cdnetworks.Options{
					Endpoint: "https://vendor.example", Client: c, Auth: auth, PageSize: 100, LookBack: 72 * time.Hour,
				})
			},
			secrets: secrets, requestID: "X-Cnc-Request-Id",
			says: map[string]int{
				`{"Code":0,"message":%s}`:                             http.StatusOK,
				`{"Code":%s}`:                                         http.StatusForbidden,
				`{"msg":{"headers":[%s]}}`:                            http.StatusForbidden,
				`{"Code":1,"count":%s}`:                               http.StatusOK,
				`{"Code":1,"count":2,"resultDetail":[%s]}`:            http.StatusOK,
				`{"Code":1,"count":0,"requestId":%s}`:                 http.StatusOK,
				`{"Code":1,"count":1,"resultDetail":[{"status":%s}]}`: http.StatusOK,
				`{"Code":1,"count":1,"resultDetail":[{"url":"u","rate":%s,"createTime":%s}]}`: http.StatusOK,
			},
		}
	}
	fast := func(token func() string, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return volcengine.New(volcengine.Options{
					Product: volcengine.NameBytePlus, Endpoint: "https://vendor.example", Region: "ap-singapore-1", PageSize: 100, Client: c,
					AccessKey: key, SecretKey: secret, Token: token,
				})
			},
			secrets: secrets, requestID: "X-None",
			says: map[string]int{
				`{"ResponseMetadata":{"RequestId":%s,"Error":{"CodeN":1,"Code":%s,"Message":%s}}}`: http.StatusOK,
				`{"errorcode":%s,"message":%s}`:                                                   http.StatusForbidden,
				`{"ResponseMetadata":{"RequestId":%s},"Result":{"Total":%s,"Data":[%s]}}`:         http.StatusOK,
				`{"Result":{"Data":[{"Url":"u","Status":%s,"TaskType":%s,"Process":%s}]}}`:        http.StatusOK,
				`{"Result":{"Data":[{"Url":"u","Status":"failed","Remark":%s,"CreateTime":%s}]}}`: http.StatusOK,
			},
		}
	}
	bce := func(token func() string, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return baiducloud.New(baiducloud.Options{
					Endpoint: "https://vendor.example", Edition: baiducloud.China, Client: c, AccessKey: key, SecretKey: secret, Token: token,
				})
			},
			secrets: secrets, requestID: "X-Bce-Request-Id",
			says: map[string]int{
				`{"code":%s,"message":%s,"requestId":%s}`:                                          http.StatusForbidden,
				`{"code":"AccessDenied","message":%s}`:                                             http.StatusOK,
				`{"details":[%s],"requestId":%s}`:                                                  http.StatusOK,
				`{"details":[{"status":%s,"createdAt":%s,"progress":%s,"task":{"startTime":%s}}]}`: http.StatusOK,
				`{"details":[],"isTruncated":true,"nextMarker":%s}`:                                http.StatusOK,
			},
		}
	}
	teo := func(create func(tencentcloud.Options) (*tencentcloud.Provider, error), token func() string, secrets ...string) login {
		return login{
			provider: func(c *vendorapi.Client) (vendorapi.Provider, error) {
				return create(tencentcloud.Options{
					Endpoint: "https://vendor.example", Client: c, SecretID: key, SecretKey: secret, Token: token, ZoneID: "zone-1",
				})
			},
			secrets: secrets, requestID: "X-Tc-Requestid",
			says: map[string]int{
				`{"Response":{"Error":{"Code":"AuthFailure","Message":%s}}}`:                    http.StatusOK,
				`{"Response":{"Error":{"Code":%s}}}`:                                            http.StatusForbidden,
				`{"Response":{"Error":%s,"RequestId":%s}}`:                                      http.StatusOK,
				`{"Response":{"TotalCount":%s,"RequestId":%s}}`:                                 http.StatusOK,
				`{"Response":{"Tasks":[{"Status":%s,"Type":%s,"CreateTime":%s}]}}`:              http.StatusOK,
				`{"Response":{"PushLogs":[{"Status":%s,"Percent":%s,"CreateTime":%s}]}}`:        http.StatusOK,
				`{"Response":{"Tasks":[{"Status":"failed","FailType":%s,"FailMessage":"no"}]}}`: http.StatusOK,
			},
		}
	}
	return map[string]login{
		"alibaba, keys":               ali(alibabacloud.CDN, nil, echoedKey, echoedSecret),
		"alibaba, temporary keys":     ali(alibabacloud.DCDN, ready, echoedKey, echoedSecret, token),
		"huaweicloud, AK/SK":          vod(huaweicloud.AKSK(key, secret, nil), echoedKey, echoedSecret),
		"huaweicloud, temporary keys": vod(huaweicloud.AKSK(key, secret, ready), echoedKey, echoedSecret, token),
		"huaweicloud, token":          vod(huaweicloud.Token(ready), token),
		"huaweicloud CDN, AK/SK":      cdn(huaweicloud.AKSK(key, secret, ready), echoedKey, echoedSecret, token),
		"huaweicloud CDN, token":      cdn(huaweicloud.Token(ready), token),
		"baiducloud, AK/SK":           bce(nil, echoedKey, echoedSecret),
		"baiducloud, temporary keys":  bce(ready, echoedKey, echoedSecret, token),
		"volcengine, AK/SK":           fast(nil, echoedKey, echoedSecret),
		"volcengine, temporary keys":  fast(ready, echoedKey, echoedSecret, token),
		"cdnetworks, API key":         edge(cdnetworks.APIKey("ops", ready), token),
		"cdnetworks, AK/SK":           edge(cdnetworks.AKSK(key, secret), echoedKey, echoedSecret),
		"tencentcloud, EdgeOne":       teo(tencentcloud.NewEdgeOne, nil, echoedKey, echoedSecret),
		"tencentcloud, CDN, token":    teo(tencentcloud.NewCDN, ready, echoedKey, echoedSecret, token),
	}
}

// all returns everything in a request that nobody must see.
func (l *login) all(r *http.Request) []string {
	secrets := slices.Clone(l.secrets)
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return secrets
	}
	if _, password, ok := r.BasicAuth(); ok {
		return append(secrets, authorization, password, strings.TrimPrefix(authorization, "Basic "))
	}
	signature := authorization[strings.LastIndexAny(authorization, "=/")+1:]
	return append(secrets, authorization, signature)
}

// querier is a test, or one case of a property.
type querier interface {
	Fatal(args ...any)
	Context() context.Context
}

// ask puts a question to a vendor that answers as it says. It returns all that people
// may see of that.
func (l *login) ask(t querier, answer roundTrip) string {
	client, err := vendorapi.NewClient(vendorapi.ClientOptions{RoundTripper: answer})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.provider(client)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Query(t.Context(), vendorapi.Query{Kind: vendorapi.QueryTask, TaskID: hostileTask})
	shown := fmt.Sprintln(err, a.UnknownWords, a.Oddities, a.RequestID)
	for i := range a.URLs {
		shown += a.URLs[i].Words
	}
	return strings.TrimSpace(shown)
}

// Wherever an answer repeats what it was sent, and whatever surrounds that, no
// credential is in what a query returns.
func TestNoVendorsSecretComesThrough(t *testing.T) {
	t.Parallel()
	for name, l := range logins("tok2") {
		answers := map[string]func(shown string) (*http.Response, error){
			"page":    func(s string) (*http.Response, error) { return said(http.StatusBadGateway, "<pre>"+s+"</pre>") },
			"no JSON": func(s string) (*http.Response, error) { return said(http.StatusOK, s) },
			"redirect": func(s string) (*http.Response, error) {
				return said(http.StatusFound, "", "Location", "/?"+url.QueryEscape(s))
			},
			"request id": func(s string) (*http.Response, error) { return said(http.StatusBadGateway, "", l.requestID, s) },
			"network": func(s string) (*http.Response, error) {
				return nil, fmt.Errorf("malformed %q: %w", s, io.ErrUnexpectedEOF)
			},
		}
		for body, status := range l.says {
			answers[body] = func(s string) (*http.Response, error) {
				return said(status, strings.ReplaceAll(body, "%s", strconv.Quote(s)))
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				answer := rapid.SampledFrom(slices.Sorted(maps.Keys(answers))).Draw(rt, "answer")
				around := rapid.StringOf(rapid.RuneFrom([]rune("x =,;:\"")))
				before, after := around.Draw(rt, "before"), around.Draw(rt, "after")
				before += strings.Repeat("y", rapid.SampledFrom([]int{0, 290}).Draw(rt, "up to the cut"))
				var secrets []string
				shown := l.ask(rt, func(r *http.Request) (*http.Response, error) {
					secrets = l.all(r)
					return answers[answer](before + rapid.SampledFrom(secrets).Draw(rt, "shown") + after)
				})
				for _, secret := range secrets {
					if strings.Contains(shown, secret) {
						rt.Fatalf("%s shows %q: %s", answer, secret, shown)
					}
				}
			})
		})
	}
}

// said is a response; headers are name and value in turn.
func said(status int, body string, headers ...string) (*http.Response, error) {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// Hiding leaves the words around a secret, and what they mean, even where it looks
// like a part of them.
func TestHidingLeavesTheRest(t *testing.T) {
	t.Parallel()
	echoed := func(r *http.Request) (*http.Response, error) {
		return said(http.StatusBadGateway, fmt.Sprintf("Authorization: %s\nX-Cnc-Accesskey: %s\nX-Auth-Token: %s\n",
			r.Header.Get("Authorization"), r.Header.Get("X-Cnc-Accesskey"), r.Header.Get("X-Auth-Token")))
	}
	answer := func(status int, body string) roundTrip {
		return func(*http.Request) (*http.Response, error) { return said(status, body) }
	}
	for _, tt := range []struct {
		login, token string
		answer       roundTrip
		want         string
	}{
		{"cdnetworks, API key", "token", echoed, "unavailable: HTTP 502: Authorization: <secret> X-Cnc-Accesskey: X-Auth-Token:"},
		{"cdnetworks, AK/SK", "", echoed, "unavailable: HTTP 502: Authorization: <secret> X-Cnc-Accesskey: <secret> X-Auth-Token:"},
		{"huaweicloud, token", "token", echoed, "unavailable: HTTP 502: Authorization: X-Cnc-Accesskey: X-Auth-Token: <secret>"},
		{
			"huaweicloud, AK/SK", "", answer(http.StatusUnauthorized, `{"error_code":"APIGW.0301","error_msg":"Incorrect IAM authentication information: `+
				`Get secretKey failed,ak:`+echoedKey+`,err:ak not exist"}`),
			"auth: HTTP 401: APIGW.0301: Incorrect IAM authentication information: Get secretKey failed,ak:<secret>,err:ak not exist",
		},
		{
			"cdnetworks, AK/SK", "", func(r *http.Request) (*http.Response, error) {
				return nil, fmt.Errorf("malformed HTTP response %q: %w", r.Header.Get("Authorization"), io.ErrUnexpectedEOF)
			},
			`unavailable: vendor.example: malformed HTTP response "<secret>": unexpected EOF`,
		},
		{
			"cdnetworks, API key", "page", answer(http.StatusOK, `{"Code":0,"message":"page size error"}`),
			"invalid: HTTP 200: 0: <secret> size error",
		},
		{
			"cdnetworks, API key", "page", answer(http.StatusOK, `{"Code":0,"message":"size of page"}`),
			"unavailable: HTTP 200: 0: size of <secret>",
		},
		{
			"huaweicloud, token", "10062", answer(http.StatusBadRequest, `{"error_code":"VOD.10062","error_msg":"none"}`),
			"not_found: HTTP 400: VOD.<secret>: none",
		},
	} {
		l := logins(tt.token)[tt.login]
		if got := l.ask(t, tt.answer); got != tt.want+" [] []" {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.login, got, tt.want)
		}
	}
}
