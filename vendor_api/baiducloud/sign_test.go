package baiducloud_test

import (
	"net/http"
	"testing"
	"time"

	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/baiducloud"
)

// The vectors were computed with the vendor's SDK v0.9.277 and, apart from it, with a
// signer in another language.
func TestSignVectors(t *testing.T) {
	t.Parallel()
	const china = "https://cdn.baidubce.com/v2/cache/prefetch"
	typed := map[string]string{"Content-Type": "application/json;charset=utf-8", "User-Agent": "prefetch_exporter/test"}
	for _, tt := range []struct {
		name, url, token  string
		headers           map[string]string
		signed, signature string
	}{
		{
			"bd1", china + "?startTime=2025-12-31T00%3A00%3A00Z&endTime=2026-01-01T00%3A00%3A00Z&marker=eJw%2F%2B%3D%3D", "", typed,
			"content-type;host;x-bce-date", "e54a55f47b8160fb187fc872dc798a1103cd1e3d30dc0198307ec1e0aa24f26f",
		},
		{
			"bd2", china + "?id=eJwzNDLXMTSyAAAFfAFi", "TOKEN", nil,
			"host;x-bce-date;x-bce-security-token", "8214a290066542586b7daf00faa9ce6660b8d59a0144a5c6afa707fad8c55466",
		},
		{
			"bd3", "http://127.0.0.1:8080/v2/cache/prefetch?id=eJwztjA3swQAAy4BEg%3D%3D&url=http%3A%2F%2Fexample.com%2Fa%20b.mp4", "", typed,
			"content-type;host;x-bce-date", "72c06ee95222ccfddb51f416268dd1b4b5e1848fce52ec9aaffc7eeef1b5c7d5",
		},
		{
			"what is not signed", china + "?id=eJwzNDLXMTSyAAAFfAFi&authorization=x", "TOKEN",
			map[string]string{"X-Bce-Request-Id": "4c3", "X-Bce-Empty": " ", "Accept": "*/*"},
			"host;x-bce-date;x-bce-security-token", "8214a290066542586b7daf00faa9ce6660b8d59a0144a5c6afa707fad8c55466",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range tt.headers {
				req.Header.Set(name, value)
			}
			at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.FixedZone("", 8*60*60))
			baiducloud.Sign(req, nil, vendorapi.Credentials{AccessKey: "AKEXAMPLE", SecretKey: "SKEXAMPLE", Token: tt.token}, at)
			want := "bce-auth-v1/AKEXAMPLE/2026-01-01T00:00:00Z/1800/" + tt.signed + "/" + tt.signature
			if got := req.Header.Get("Authorization"); got != want {
				t.Errorf("Authorization:\n got %s\nwant %s", got, want)
			}
		})
	}
}
