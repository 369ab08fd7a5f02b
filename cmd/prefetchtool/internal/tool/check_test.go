package tool_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestCheck asks the accounts of a configuration, explains each answer and charges
// the exporter's own store.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := vendors(t)
	files := []string{"--config.file=" + s.config, "--storage.path=" + s.data}
	check := func(args ...string) result { return s.run(append(append([]string{"check"}, args...), files...)...) }
	s.submit("warm", 2, 1)
	check("--task=warm", "ali").want(t, 0,
		`warning: the store in \S+ is new`, `^ali \(alibabacloud_cdn\) works\n`, `(?m)^  asked +http://127.0.0.1:\d+ for task warm$`,
		`(?m)^  connected +127.0.0.1:\d+$`, `(?m)^  signed as +ACS3-HMAC-SHA256; access_key_id: <secret>; access_key_secret: <secret>$`,
		`(?m)^  answered +HTTP 200 after \d+(ms|s|\.\d+s), request id \S+$`, `(?m)^  clock +the vendor's is ours$`,
		`(?m)^  understood +3 URLs, 2 succeeded, 1 failed$`,
	)
	s.rewrite("api_key: "+secret, "api_key: another")
	check().want(t, 1, `ali \(alibabacloud_cdn\) works`, `edge \(cdnetworks\) does not work`, `(?m)^  understood +auth: `, `(?m)^  next +compare the key`)

	s.rewrite("{calls: 5000, per: 1m}\n    cdnetworks", "{calls: 1, per: 1h}\n    cdnetworks")
	r := check("edge", "--output=json")
	r.want(t, 1)
	var checks []map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &checks); err != nil || len(checks) != 1 || fmt.Sprint(checks[0]["works"]) != "false" || checks[0]["not_asked"] == "" {
		t.Errorf("%v: %s", err, r.stdout)
	}
	check("edge").want(t, 1, `^edge \(cdnetworks\) was not asked\n`, `(?m)^  why not +the budget allows the next call at `)

	check("nobody").want(t, 5, `prefetchtool: the configuration has no account "nobody"`)
	s.start()
	check().want(t, 5, `prefetchtool: opening store .*another process holds .*; an exporter that runs keeps the budget`)
}
