package alibabacloud_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	simalibabacloud "prefetch_exporter/vendor_api/simulator/alibabacloud"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// The vectors were computed with the vendor's SDKs and by a signer in another language.
// What is asked for is not there, but all are known for who they are, once.
//
//nolint:paralleltest // one counter of nonces
func TestVectors(t *testing.T) {
	const example = "http://example.com/a b/+é*~.mp4?x=1&y=2"
	window := url.Values{
		"ObjectType": {"preload"}, "StartTime": {"2025-12-31T00:00:00Z"}, "EndTime": {"2026-01-01T00:00:00Z"}, "PageNumber": {"1"}, "PageSize": {"100"},
	}
	for i, v := range []struct {
		target, action, version string
		query                   url.Values
		token, signature        string
		form                    bool
	}{
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTaskById", "2018-05-10", url.Values{"TaskId": {"12719676361,12719676362"}}, "", "1a9900299bca382194ec13bf101c9f355c1587182a3ae668269840364b953b1c", false},
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTasks", "2018-05-10", window, "", "9a2b33b2a40fd6506b634c45adb577ebb21aeaa247c5105a40a341b0c182ffe1", false},
		{"POST https://cdn.ap-southeast-1.aliyuncs.com/", "DescribeRefreshTasks", "2018-05-10", url.Values{"ObjectPath": {example}, "ObjectType": {"preload"}, "Status": {""}}, "", "e4363ce5c7ccd1c995decbff469ef05f763f4d2f5859acbe82b6b4ac23d08a5f", false},
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTaskById", "2018-05-10", url.Values{"TaskId": {"12719676361"}}, "TOKEN+/=", "9012668d9b90afc8d36c7f05118ccb18669bcb5938752c2af39fe7620811af1e", false},
		{"GET https://dcdn.aliyuncs.com/", "DescribeDcdnRefreshTaskById", "2018-01-15", url.Values{"TaskId": {"12719676361"}}, "", "d7597926d74c82a14ce01958b95077647d1e704a881bf6674a023b0261d40f36", false},
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTaskById", "2018-05-10", url.Values{"TaskId": {"12719676361,12719676362"}}, "", "QpCyu5Ozf9+txiFMqnrqxIZ/UTo=", false},
		{"GET https://cdn.aliyuncs.com/", "DescribeRefreshTasks", "2018-05-10", window, "", "K7iQs/afAxJPg/6iyD7j66h5urY=", false},
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTasks", "2018-05-10", url.Values{"ObjectPath": {example}}, "TOKEN+/=", "n6ZTkv1G+h6cz13AClj2ylatowg=", false},
		{"POST https://cdn.aliyuncs.com/", "DescribeRefreshTaskById", "2018-05-10", url.Values{"TaskId": {"12719676361,12719676362"}}, "", "QpCyu5Ozf9+txiFMqnrqxIZ/UTo=", true},
	} {
		const nines = 9
		rpc := len(v.signature) != 64
		number := i + 1
		if rpc {
			number = []int{6: 1, 2, 3, nines: 1}[i+1]
		}
		query, header := url.Values{}, map[string]string{}
		maps.Copy(query, v.query)
		nonce, keyID := fmt.Sprintf("%032d", number), "AKEXAMPLE"
		o := options(simulatortest.Epoch)
		o.DCDN = strings.Contains(v.action, "Dcdn")
		if rpc {
			for name, value := range map[string]string{
				"Action": v.action, "Version": v.version, "Format": "JSON", "AccessKeyId": keyID, "SignatureMethod": "HMAC-SHA1",
				"SignatureVersion": "1.0", "SignatureNonce": nonce, "Timestamp": "2026-01-01T00:00:00Z", "Signature": v.signature,
			} {
				query.Set(name, value)
			}
			if v.token != "" {
				query.Set("SecurityToken", v.token)
				o.SecurityTokens["AKEXAMPLE"] = v.token
			}
		} else {
			names := "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
			header = map[string]string{
				"x-acs-action": v.action, "x-acs-version": v.version, "x-acs-date": "2026-01-01T00:00:00Z", "x-acs-signature-nonce": nonce,
				"x-acs-content-sha256": emptyHash,
			}
			if v.token != "" {
				keyID = "STS.AKEXAMPLE"
				header["x-acs-accesskey-id"], header["x-acs-security-token"] = keyID, v.token
				names = "host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-security-token;x-acs-signature-nonce;x-acs-version"
			}
			header["Authorization"] = "ACS3-HMAC-SHA256 Credential=" + keyID + ",SignedHeaders=" + names + ",Signature=" + v.signature
		}
		s := simalibabacloud.New(o)
		ask := func() (answer, int) {
			if v.form {
				return send(t, s, simulatortest.NewRequest(t, v.target, query.Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}))
			}
			return send(t, s, simulatortest.NewRequest(t, v.target+"?"+query.Encode(), "", header))
		}
		if a, status := ask(); status != http.StatusOK || a.TotalCount != 0 || a.Code != "" {
			t.Errorf("vector %d: HTTP %d, %+v", i+1, status, a)
		}
		if a, status := ask(); status != http.StatusBadRequest || a.Code != "SignatureNonceUsed" {
			t.Errorf("vector %d again: HTTP %d, %+v", i+1, status, a)
		}
	}
}

//nolint:paralleltest // one counter of nonces
func TestAuthenticationRefused(t *testing.T) {
	now := simulatortest.Noon()
	plain := func(change map[string]string) *http.Request {
		return signed(t, now, "DescribeRefreshTaskById", url.Values{"TaskId": {"1"}}, change)
	}
	altered := func(change func(*http.Request)) *http.Request {
		req := plain(nil)
		change(req)
		return req
	}
	header := func(name, value string) *http.Request {
		return altered(func(r *http.Request) { r.Header.Set(name, value) })
	}
	for name, tt := range map[string]struct {
		req  *http.Request
		want string
	}{
		"nothing":                 {simulatortest.NewRequest(t, "POST https://cdn.aliyuncs.com/?TaskId=1", "", nil), "400 IncompleteSignature"},
		"no signature":            {header("Authorization", "ACS3-HMAC-SHA256 Credential=AKEXAMPLE"), "400 IncompleteSignature"},
		"another key":             {header("Authorization", "ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=host,Signature=00"), "404 InvalidAccessKeyId.NotFound"},
		"a key of another scheme": {header("Authorization", "Bearer AKEXAMPLE"), "400 IncompleteSignature"},
		"no time":                 {header("x-acs-date", "noon"), "400 InvalidTimeStamp.Format"},
		"a time long ago":         {plain(map[string]string{"x-acs-date": "2026-01-01T03:44:59Z"}), "400 InvalidTimeStamp.Expired"},
		"a time ahead":            {plain(map[string]string{"x-acs-date": "2026-01-01T04:15:01Z"}), "400 InvalidTimeStamp.Expired"},
		"another token":           {plain(map[string]string{"x-acs-accesskey-id": "STS.AKEXAMPLE", "x-acs-security-token": "T"}), "400 InvalidSecurityToken.MismatchWithAccessKey"},
		"no token":                {plain(map[string]string{"x-acs-accesskey-id": "STS.AKEXAMPLE"}), "400 InvalidSecurityToken.MismatchWithAccessKey"},
		"a header beside":         {header("x-acs-more", "1"), "400 IncompleteSignature"},
		"a type beside":           {header("Content-Type", "text/plain"), "400 IncompleteSignature"},
		"another hash":            {plain(map[string]string{"x-acs-content-sha256": simulatortest.HexSum("x")}), "400 IncompleteSignature"},
		"another parameter":       {altered(func(r *http.Request) { r.URL.RawQuery = "TaskId=2" }), "400 SignatureDoesNotMatch"},
		"another method":          {altered(func(r *http.Request) { r.Method = http.MethodGet }), "400 SignatureDoesNotMatch"},
		"another host":            {altered(func(r *http.Request) { r.Host = "dcdn.aliyuncs.com" }), "400 SignatureDoesNotMatch"},
		"another version":         {plain(map[string]string{"x-acs-version": "2014-11-11"}), "404 InvalidVersion"},
		"another action":          {plain(map[string]string{"x-acs-action": "PushObjectCache"}), "404 InvalidAction.NotFound"},
		"the right one":           {plain(nil), "200 "},
		"a token":                 {plain(map[string]string{"x-acs-accesskey-id": "STS.AKEXAMPLE", "x-acs-security-token": "TOKEN+/="}), "200 "},
		"a time in time":          {plain(map[string]string{"x-acs-date": "2026-01-01T04:15:00Z"}), "200 "},
	} {
		s := simalibabacloud.New(options(simulatortest.Noon))
		a, status := send(t, s, tt.req)
		if got := fmt.Sprint(status, " ", a.Code); got != tt.want || status != http.StatusOK && (a.Message == "" || a.HostID != "cdn.aliyuncs.com" || a.Tasks != nil) {
			t.Errorf("%s: %s, want %s: %+v", name, got, tt.want, a)
		}
		if n := len(s.Stats().Refused); n != 1 && status != http.StatusOK {
			t.Errorf("%s: refused %v", name, s.Stats().Refused)
		}
	}
}

// A nonce may come again when its request has long been too old.
//
//nolint:paralleltest // one counter of nonces
func TestNoncesAreForgotten(t *testing.T) {
	clock := simulatortest.NewClock(simulatortest.Noon())
	s := simalibabacloud.New(options(clock.Now))
	for i, want := range []int{http.StatusOK, http.StatusBadRequest, http.StatusBadRequest, http.StatusOK} {
		req := signed(t, clock.Now(), "DescribeRefreshTaskById", url.Values{"TaskId": {"1"}}, map[string]string{"x-acs-signature-nonce": "once"})
		if _, status := send(t, s, req); status != want {
			t.Errorf("call %d: HTTP %d", i+1, status)
		}
		clock.Add(time.Duration(i) * 16 * time.Minute)
	}
}
