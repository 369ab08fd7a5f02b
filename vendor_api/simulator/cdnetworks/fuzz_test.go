package cdnetworks_test

import (
	"net/http"
	"testing"
	"time"

	"prefetch_exporter/vendor_api/simulator"
	simcdnetworks "prefetch_exporter/vendor_api/simulator/cdnetworks"
	"prefetch_exporter/vendor_api/simulator/simulatortest"
)

// Whatever body a user sends, the answer is in the vendor's form, and an
// answer that claims success holds what was asked for.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", `{"itemId":"a"}`, `{"itemId":"a","pageNo":"2","pageSize":"3","status":"run"}`, `{` + simulatortest.WholeDay + `}`,
		`{` + simulatortest.WholeDay + `,"url":"https://example.com/1.mp4","pageNo":9223372036854775807,"pageSize":9223372036854775807}`,
		`{"startTime":20260101,"endTime":[]}`, `{"itemId":"\ud800","pageNo":-1}`, `{"startTime":"2026-01-01 00:00:00","endTime":""}`,
	} {
		f.Add(body, "GMT+08:00")
	}
	f.Add(`{"itemId":"a"}`, "GMT-99:00")
	s := simcdnetworks.New(simulatortest.OpsOptions(simulatortest.Noon))
	s.Submit(simulator.Task{ID: "a", Owner: "ops", Created: simulatortest.Noon().Add(-time.Hour), URLs: simulatortest.URLs(7, simulator.URLPlan{Stuck: true})})
	s.Submit(simulator.Task{ID: "b", Owner: "ops", Created: simulatortest.Noon(), URLs: simulatortest.URLs(2, simulator.URLPlan{})})
	f.Fuzz(func(t *testing.T, body, zone string) {
		req := simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, body, simulatortest.APIKeyHeaders("ops", "key", simulatortest.Noon()))
		req.Header["X-Time-Zone"] = []string{zone}
		got := simulatortest.DecodeCDN(t, simulatortest.Send(t, s, req).Body)
		switch {
		case got.Code == 0 && got.Message != "" && got.ResultDetail == nil:
		case got.Code == 1 && got.Message == "success" && got.PageNo > 0 && got.PageSize > 0 && got.Count <= 9 &&
			got.ResultDetail != nil && len(got.ResultDetail) <= min(got.Count, got.PageSize):
			for _, row := range got.ResultDetail {
				if row.CreateTime == "" || row.URL == "" || row.Status == "" {
					t.Errorf("row %+v", row)
				}
			}
		default:
			t.Errorf("answer %+v", got)
		}
	})
}

// No Authorization header but the right one opens the API.
func FuzzAuthorization(f *testing.F) {
	f.Add(vectorAKSK)
	f.Add(vectorBasic)
	// The same password: the last digit of base64 has bits that nobody reads.
	f.Add("BAsiC dXNlcm5hbWU6OFRTS2x5R0NobTBzM3VLWGF5b0poazFVam93PX==")
	f.Add("CNC-HMAC-SHA256 Credential=AKEXAMPLE,SignedHeaders=;;content-type;host,Signature=,")
	cdn := vectorUser(simulatortest.Epoch)
	f.Fuzz(func(t *testing.T, header string) {
		for _, method := range []string{"AKSK", "BASIC"} {
			// Not the vector's body: no header that is found can be right.
			req := simulatortest.NewRequest(t, "POST "+simulatortest.CDNURL, `{"itemId":"a"}`, map[string]string{
				"x-cnc-auth-method": method, "x-cnc-accessKey": "AKEXAMPLE", "x-cnc-timestamp": "1767225600",
				"Date": vectorDate, "Content-Type": "application/json",
			})
			req.Header["Authorization"] = []string{header}
			known := method == "BASIC" && credentials(header) == credentials(vectorBasic)
			if got := simulatortest.DecodeCDN(t, simulatortest.Send(t, cdn, req).Body); got.Code != 0 && !known {
				t.Errorf("%s %q was accepted", method, header)
			}
		}
	})
}

// credentials are the user and the password that a header gives, if it gives any.
func credentials(header string) string {
	r := http.Request{Header: http.Header{"Authorization": {header}}}
	user, password, _ := r.BasicAuth()
	return user + ":" + password
}
