package vendors_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/config"
	"prefetch_exporter/config/vendors"
	"prefetch_exporter/prefetch"
)

var update = flag.Bool("update", false, "write the wanted output anew")

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, content string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yml")
	write(t, path, content)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestInvalid loads every testdata/invalid-*.yml and compares the whole error
// with the .txt beside it.
func TestInvalid(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/invalid-*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(path)
			if err == nil || c != nil {
				t.Fatalf("Load = %v, %v; want an error alone", c, err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret:\n%v", err)
			}
			wanted := strings.TrimSuffix(path, ".yml") + ".txt"
			if *update {
				write(t, wanted, err.Error()+"\n")
			}
			want, readErr := os.ReadFile(wanted)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

// Everything about a vendor that users are told is there, and no two have one name.
func TestSections(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range vendors.Sections() {
		if s.Calls < 1 || s.Per <= 0 || len(s.Keys) == 0 || !strings.HasPrefix(s.Form, "{") || names[s.Name] {
			t.Errorf("%+v", s)
		}
		names[s.Name] = true
	}
	if got := vendors.Names(); len(got) != len(names) || !names[got[0]] {
		t.Errorf("names are %q", got)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "ak"), "AKROTATES\n")
	tests := map[string]struct{ provider, settings, want string }{
		"user": {
			"cdnetworks", "{username: ops, api_key: k}",
			"cdnetworks|api.cdnetworks.com|ops",
		},
		"access key": {
			"cdnetworks", "{access_key: AK, secret_key: s, endpoint: 'https://OPEN.Chinanetcenter.com:443/'}",
			"cdnetworks|open.chinanetcenter.com|AK",
		},
		"user of an access key": {
			"cdnetworks", "{username: ops, access_key_file: ak, secret_key: s}",
			"cdnetworks|api.cdnetworks.com|ops",
		},
		"huawei access key": {
			"huaweicloud_vod", "{region: cn-north-4, project_id: p, access_key: AK, secret_key: s}",
			"huaweicloud_vod|vod.cn-north-4.myhuaweicloud.com|AK",
		},
		"huawei access key that rotates": {
			"huaweicloud_vod", "{endpoint: 'http://127.0.0.1:8443', project_id: p, access_key_file: ak, secret_key: s}",
			"huaweicloud_vod|127.0.0.1:8443|p",
		},
		"huawei token": {
			"huaweicloud_vod", "{endpoint: 'http://[::1]', project_id: p, token: t}",
			"huaweicloud_vod|[::1]|p",
		},
		"huawei iam": {
			"huaweicloud_vod", "{region: cn-east-2, project_id: p, iam: {domain: d, username: u, password: p}}",
			"huaweicloud_vod|vod.cn-east-2.myhuaweicloud.com|d",
		},
		"alibaba": {
			"alibabacloud_cdn", "{access_key_id: AK, access_key_secret: s}", "alibabacloud_cdn|cdn.aliyuncs.com|AK",
		},
		"alibaba DCDN": {
			"alibabacloud_dcdn", "{access_key_id: AK, access_key_secret: s, security_token: t}", "alibabacloud_dcdn|dcdn.aliyuncs.com|AK",
		},
		"alibaba access key that rotates": {
			"alibabacloud_cdn", "{endpoint: 'https://cdn.ap-southeast-1.aliyuncs.com', access_key_id_file: ak, access_key_secret: s}",
			"alibabacloud_cdn|cdn.ap-southeast-1.aliyuncs.com|",
		},
		"huawei CDN access key": {
			"huaweicloud_cdn", "{domain_id: d, access_key: AK, secret_key: s}", "huaweicloud_cdn|cdn.myhuaweicloud.com|AK",
		},
		"huawei CDN access key that rotates": {
			"huaweicloud_cdn", "{domain_id: d, access_key_file: ak, secret_key: s}", "huaweicloud_cdn|cdn.myhuaweicloud.com|d",
		},
		"huawei CDN token": {
			"huaweicloud_cdn", "{endpoint: 'https://cdn.myhuaweicloud.eu', token: t}", "huaweicloud_cdn|cdn.myhuaweicloud.eu|",
		},
		"huawei CDN iam": {
			"huaweicloud_cdn", "{domain_id: d, iam: {domain: company, username: u, password: p}}",
			"huaweicloud_cdn|cdn.myhuaweicloud.com|company",
		},
		"tencent secret id": {
			"tencentcloud_edgeone", "{zone_id: zone-1, secret_id: AK, secret_key: s}", "tencentcloud_edgeone|teo.tencentcloudapi.com|AK",
		},
		"tencent secret id that rotates": {
			"tencentcloud_cdn", "{secret_id_file: ak, secret_key: s}", "tencentcloud_cdn|cdn.tencentcloudapi.com|",
		},
		"volcengine access key": {
			"volcengine_cdn", "{access_key_id: AK, secret_access_key: s}", "volcengine_cdn|cdn.volcengineapi.com|AK",
		},
		"byteplus access key that rotates": {
			"byteplus_cdn", "{access_key_id_file: ak, secret_access_key: s, region: singapore}", "byteplus_cdn|cdn.byteplusapi.com|",
		},
		"baidu access key": {
			"baiducloud_cdn", "{access_key_id: AK, secret_access_key: s, edition: abroad}", "baiducloud_cdn|cdn.baidubce.com|AK",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".yml")
			write(t, path, "accounts:\n  - name: a\n    "+test.provider+": "+test.settings+"\n")
			c, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			a := &c.Accounts[0]
			if got := a.Identity(); got != prefetch.HashedIdentity(test.want) || got == test.want {
				t.Errorf("Identity = %q, want %q", got, test.want)
			}
			if got := a.Provider(); got != test.provider {
				t.Errorf("Provider = %q, want %q", got, test.provider)
			}
		})
	}
}

func TestIAMEndpoint(t *testing.T) {
	t.Parallel()
	const account = "accounts:\n  - name: a\n    huaweicloud_vod: {%s, project_id: p, iam: {%s domain: d, username: u, password: p}}\n"
	tests := map[string]struct{ where, iam, want string }{
		"from the region": {"region: cn-north-1", "", "https://iam.cn-north-1.myhuaweicloud.com"},
		"from a region that has no known endpoint": {
			"region: eu-west-0, endpoint: 'https://vod.example.com'", "", "https://iam.eu-west-0.myhuaweicloud.com",
		},
		"given": {"endpoint: 'https://vod.example.com'", "endpoint: 'https://iam.example.com',", "https://iam.example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(strings.Replace(account, "%s", test.where, 1), "%s", test.iam, 1)
			c := load(t, text)
			section, _ := c.Accounts[0].Vendor.(*vendors.HuaweiCloudVOD)
			if got := section.IAM.Endpoint; got != test.want {
				t.Errorf("endpoint = %s, want %s", got, test.want)
			}
		})
	}
}
