package tencentcloud_test

import (
	"net/http"
	"strings"
	"testing"

	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/tencentcloud"
	"prefetch_exporter/vendor_api/vendorapitest"
)

// The vectors were made by the vendor's Go SDK (tencentcloud/common v1.3.211) and by
// an independent signer in Python.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service           tencentcloud.Service
		host, token, body string
		want              string
	}{
		{
			"cdn", "cdn.tencentcloudapi.com", "", `{"Limit":100,"TaskId":"1533031853231313311"}`,
			"e9796194807fb60ad61862faa07f52990a63df3e9c564c8176bce7e4bd61529b",
		},
		{
			"cdn", "cdn.intl.tencentcloudapi.com", "TOKEN+/=",
			`{"EndTime":"2026-01-01 23:59:59","Limit":100,"Offset":0,"StartTime":"2026-01-01 00:00:00","Status":"process"}`,
			"a45ad50c63befc293f62272ea97cb2e092a8777c209ddd0fb65d3bedac502411",
		},
		{
			"teo", "teo.intl.tencentcloudapi.com", "",
			`{"Filters":[{"Name":"job-id","Values":["1379afjk91u32h"]}],"Limit":1000,"ZoneId":"zone-2noz78a8ev6k"}`,
			"02d117f936fdef27a9b24d976565dd9a76b8c5907c1a5f1d18e207c48459f8eb",
		},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+tt.host+"/", strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		tt.service.Sign(req, []byte(tt.body), vendorapi.Credentials{AccessKey: "AKEXAMPLE", SecretKey: "SKEXAMPLE", Token: tt.token}, now())
		want := "TC3-HMAC-SHA256 Credential=AKEXAMPLE/2026-01-01/" + string(tt.service) + "/tc3_request, SignedHeaders=content-type;host, Signature=" + tt.want
		if got := req.Header.Get("Authorization"); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.body, got, want)
		}
		if at, token := req.Header.Get("X-Tc-Timestamp"), req.Header.Get("X-Tc-Token"); at != "1767225600" || token != tt.token {
			t.Errorf("%s: X-TC-Timestamp %s, X-TC-Token %q", tt.body, at, token)
		}
	}
}

// What is not authorized is not sent.
func TestKeysThatCannotSign(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]tencentcloud.Options{
		"the access key is empty": {SecretID: vendorapitest.Text(""), SecretKey: vendorapitest.Text("SK")},
		"the secret key is empty": {SecretID: vendorapitest.Text("AK"), SecretKey: vendorapitest.Text("")},
		"the security token hold": {SecretID: vendorapitest.Text("AK"), SecretKey: vendorapitest.Text("SK"), Token: vendorapitest.Text("a\nb")},
	} {
		p := newProvider(t, tencentcloud.NewEdgeOne, respond(200, ""), o)
		_, err := p.Query(t.Context(), taskQuery())
		if e := vendorapitest.Error(t, err); e.Reason != prefetch.ReasonAuth || !e.Unsent || !strings.Contains(e.Error(), want) {
			t.Errorf("got %v, want %s", e, want)
		}
	}
}
