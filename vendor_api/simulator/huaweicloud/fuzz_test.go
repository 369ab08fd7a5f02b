package huaweicloud_test

import (
	"net/http"
	"testing"

	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// No Authorization header but the right one opens the API.
func FuzzAuthorization(f *testing.F) {
	f.Add("SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=x-sdk-date, Signature=")
	vod := vectorVOD(simulatortest.Epoch, false)
	f.Fuzz(func(t *testing.T, header string) {
		req := simulatortest.NewRequest(t, "GET https://"+simulatortest.VODHost+"/v1.0/"+simulatortest.Project+"/asset/preheating?task_id=a", "",
			map[string]string{"X-Sdk-Date": "20260101T000000Z"})
		req.Header["Authorization"] = []string{header}
		if got := simulatortest.Send(t, vod, req); got.Status != http.StatusUnauthorized {
			t.Errorf("%q: %d", header, got.Status)
		}
	})
}
