package config_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"prefetch_exporter/config"
	"prefetch_exporter/config/vendors"
)

// TestMaskedIsTheWholeConfiguration puts the secrets back into what is shown
// and loads that: whatever the configuration says must be there again.
func TestMaskedIsTheWholeConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "secret"), "fromfile")
	path := filepath.Join(dir, "config.yml")
	rapid.Check(t, func(rt *rapid.T) {
		written, err := yaml.Marshal(anyConfig(rt))
		if err != nil {
			rt.Fatal(err)
		}
		first := mustLoad(rt, path, written)
		second := mustLoad(rt, path, bytes.ReplaceAll(first.Masked(), []byte("<secret>"), []byte("inline")))
		if diff := cmp.Diff(string(first.Masked()), string(second.Masked())); diff != "" {
			rt.Errorf("shown before and after (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(plain(first), plain(second)); diff != "" {
			rt.Errorf("configuration before and after (-before +after):\n%s", diff)
		}
	})
}

func mustLoad(rt *rapid.T, path string, data []byte) *config.Config {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		rt.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		rt.Fatalf("%v\n%s", err, data)
	}
	return c
}

// plain is what of a configuration can be compared.
func plain(c *config.Config) []any {
	values := []any{c.Global, c.TaskDiscovery.Files}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		values = append(values, a.Name, a.Provider(), a.Identity(), a.RateLimit, a.PollInterval, a.Discover, a.Tasks)
		for _, key := range sorted(secretsOf(a)) {
			if secret := secretsOf(a)[key]; secret != nil {
				values = append(values, key, secret.Value())
			}
		}
		switch v := a.Vendor.(type) {
		case *vendors.HuaweiCloudCDN:
			values = append(values, v.Endpoint, v.DomainID, v.EnterpriseProjectID, v.HTTPClientConfig.TLSConfig)
			if v.IAM != nil {
				values = append(values, v.IAM.Endpoint, v.IAM.Domain, v.IAM.Username)
			}
		case *vendors.HuaweiCloudVOD:
			values = append(values, v.Region, v.Endpoint, v.ProjectID, v.HTTPClientConfig.TLSConfig, v.HTTPClientConfig.ProxyURL.Redacted())
			if v.IAM != nil {
				values = append(values, v.IAM.Endpoint, v.IAM.Domain, v.IAM.Username)
			}
		case *vendors.TencentCloudEdgeOne:
			values = append(values, v.Endpoint, v.ZoneID, v.HTTPClientConfig.TLSConfig)
		case *vendors.TencentCloudCDN:
			values = append(values, v.Endpoint, v.TimeZone.String(), v.HTTPClientConfig.TLSConfig)
		case *vendors.AlibabaCloud:
			values = append(values, v.Endpoint, v.HTTPClientConfig.TLSConfig)
		case *vendors.VolcengineCDN:
			values = append(values, v.Endpoint, v.Region, v.PageSize, v.HTTPClientConfig.TLSConfig)
		case *vendors.BaiduCloudCDN:
			values = append(values, v.Endpoint, v.Edition, v.HTTPClientConfig.TLSConfig)
		case *vendors.CDNetworks:
			values = append(values, v.Endpoint, v.Username, v.TimeZone.String(), v.PageSize, v.LookBack, v.WatchWindow, v.HTTPClientConfig.TLSConfig)
		}
	}
	for _, h := range c.TaskDiscovery.HTTP {
		values = append(values, h.URL.Value(), h.RefreshInterval, h.HTTPClientConfig.FollowRedirects, h.HTTPClientConfig.BasicAuth)
	}
	if e := c.Storage.Etcd; e != nil {
		values = append(values, e.Endpoints, e.Prefix, e.Username, *e.TLSConfig.TLSConfig, e.LeaseTTL, e.DialTimeout)
		if e.Password != nil {
			values = append(values, e.Password.Value())
		}
	}
	return values
}

type object = map[string]any

func anyConfig(rt *rapid.T) object {
	return object{
		"global": pick(rt, object{
			"poll_interval": duration(rt, time.Second, 24*time.Hour),
			"retention":     duration(rt, time.Second, 365*24*time.Hour),
			"max_staleness": duration(rt, time.Second, 365*24*time.Hour),
			"task_limit":    rapid.IntRange(1, 1_000_000).Draw(rt, "task limit"),
		}),
		"accounts": []any{
			anyHuawei(rt), anyHuaweiCDN(rt), anyAlibaba(rt), anyCDNetworks(rt), anyEdgeOne(rt),
			anyTencentCDN(rt), anyVolcengine(rt, "volcengine_cdn"), anyVolcengine(rt, "byteplus_cdn"),
			anyBaidu(rt),
		},
		"storage": pick(rt, object{"etcd": anyEtcd(rt)}),
		"task_discovery": pick(rt, object{
			"files": []string{"a/*.yml", "/b.json"},
			"http": []any{merge(
				object{"url": "https://example.com/tasks"},
				pick(rt, object{
					"refresh_interval": duration(rt, time.Second, time.Hour),
					"http_client_config": pick(rt, object{
						"follow_redirects": false,
						"basic_auth":       object{"username": "u", "password": "inline"},
					}),
				}),
			)},
		}),
	}
}

func anyEtcd(rt *rapid.T) object {
	user := object{}
	if rapid.Bool().Draw(rt, "with a user") {
		user = merge(object{"username": "u"}, aSecret(rt, "password"))
	}
	return merge(object{"endpoints": []string{"https://etcd-0:2379", "https://[::1]:2379"}}, user, pick(rt, object{
		"prefix": "/prefetch/é", "tls_config": object{"server_name": "etcd"},
		"lease_ttl": duration(rt, 5*time.Second, 10*time.Minute), "dial_timeout": duration(rt, time.Second, time.Minute),
	}))
}

// huaweiWay is one of the ways to authenticate at Huawei Cloud.
func huaweiWay(rt *rapid.T) object {
	return rapid.SampledFrom([]object{
		merge(aSecret(rt, "access_key"), aSecret(rt, "secret_key"), pick(rt, aSecret(rt, "security_token"))),
		aSecret(rt, "token"),
		{"iam": merge(object{"endpoint": "https://iam.example.com", "domain": "d", "username": "u"}, aSecret(rt, "password"))},
	}).Draw(rt, "way")
}

func anyHuaweiCDN(rt *rapid.T) object {
	return merge(anyAccount(rt, "cdn", "huaweicloud_cdn", merge(
		pick(rt, object{"endpoint": "https://cdn.example.com:8443", "domain_id": "0123", "enterprise_project_id": "all"}),
		huaweiWay(rt),
	)), pick(rt, object{"discover": duration(rt, time.Second, 30*24*time.Hour)}))
}

func anyAlibaba(rt *rapid.T) object {
	product := rapid.SampledFrom([]string{"alibabacloud_cdn", "alibabacloud_dcdn"}).Draw(rt, "product")
	return merge(anyAccount(rt, "alibaba", product, merge(
		pick(rt, object{"endpoint": "https://cdn.example.com:8443"}),
		aSecret(rt, "access_key_id"), aSecret(rt, "access_key_secret"), pick(rt, aSecret(rt, "security_token")),
	)), pick(rt, object{"discover": duration(rt, time.Second, 30*24*time.Hour)}))
}

func anyHuawei(rt *rapid.T) object {
	return anyAccount(rt, "vod", "huaweicloud_vod", merge(
		object{"region": "cn-north-4", "project_id": "p"},
		pick(rt, object{"endpoint": "https://vod.example.com:8443"}),
		pick(rt, object{"http_client_config": object{
			"proxy_url": "http://proxy.example.com", "tls_config": object{"server_name": "a", "min_version": "TLS13"},
		}}),
		huaweiWay(rt),
	))
}

func tencentKeys(rt *rapid.T) object {
	return merge(aSecret(rt, "secret_id"), aSecret(rt, "secret_key"), pick(rt, aSecret(rt, "token")))
}

func anyEdgeOne(rt *rapid.T) object {
	return anyAccount(rt, "edgeone", "tencentcloud_edgeone", merge(
		object{"zone_id": "zone-2noz78a8ev6k"}, pick(rt, object{"endpoint": "https://teo.intl.tencentcloudapi.com"}), tencentKeys(rt),
	))
}

func anyTencentCDN(rt *rapid.T) object {
	return anyAccount(rt, "tencent", "tencentcloud_cdn", merge(
		pick(rt, object{"endpoint": "https://cdn.intl.tencentcloudapi.com", "time_zone": "GMT+00:00"}), tencentKeys(rt),
	))
}

func accessKeys(rt *rapid.T) object {
	return merge(aSecret(rt, "access_key_id"), aSecret(rt, "secret_access_key"), pick(rt, aSecret(rt, "session_token")))
}

func anyVolcengine(rt *rapid.T, provider string) object {
	return anyAccount(rt, provider, provider, merge(accessKeys(rt), pick(rt, object{
		"endpoint": "https://open.volcengineapi.com", "region": "ap-southeast-1", "page_size": rapid.IntRange(1, 10_000).Draw(rt, "page size"),
	})))
}

func anyBaidu(rt *rapid.T) object {
	return anyAccount(rt, "baidu", "baiducloud_cdn", merge(accessKeys(rt), pick(rt, object{"endpoint": "http://[::1]:8080", "edition": "abroad"})))
}

func anyCDNetworks(rt *rapid.T) object {
	ways := []object{
		aSecret(rt, "api_key"),
		merge(aSecret(rt, "access_key"), aSecret(rt, "secret_key")),
	}
	return anyAccount(rt, "edge", "cdnetworks", merge(
		object{"username": "ops"},
		pick(rt, object{
			"endpoint":     "http://[::1]:8080",
			"time_zone":    rapid.SampledFrom([]string{"GMT-03:30", "GMT+00:00", "GMT+14:00"}).Draw(rt, "zone"),
			"page_size":    rapid.IntRange(1, 10_000).Draw(rt, "page size"),
			"lookback":     duration(rt, 10*time.Minute, 7*24*time.Hour),
			"watch_window": true,
		}),
		rapid.SampledFrom(ways).Draw(rt, "way"),
	))
}

func anyAccount(rt *rapid.T, name, provider string, settings object) object {
	var tasks []any
	ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[!-~]([ -~]{0,10}[!-~])?`), 0, 3, strings.Clone).Draw(rt, "ids")
	for _, id := range ids {
		if id == "." || id == ".." {
			continue
		}
		tasks = append(tasks, merge(object{"id": id}, pick(rt, object{
			"created":  "2026-11-21T08:00:00.5+08:00",
			"deadline": "2026-11-21T10:00:00Z",
			"urls":     []string{"https://example.com/é?<secret=>"},
			"labels":   object{"title": rapid.StringMatching(`[ -~]{0,20}`).Draw(rt, "title")},
		})))
	}
	return merge(object{"name": name, provider: settings}, pick(rt, object{
		"poll_interval": duration(rt, time.Second, 24*time.Hour),
		"rate_limit": pick(rt, object{
			"calls": rapid.IntRange(1, 10_000).Draw(rt, "calls"),
			"per":   duration(rt, time.Second, 31*24*time.Hour),
			"group": rapid.StringMatching(`[!-~]([ -~é]{0,10}[!-~])?`).Draw(rt, "group"),
		}),
		"tasks": tasks,
	}))
}

// secret gives a secret in one of its two forms.
func aSecret(rt *rapid.T, key string) object {
	if rapid.Bool().Draw(rt, key+" in a file") {
		return object{key + "_file": "secret"}
	}
	return object{key: "inline"}
}

// pick returns some of the keys.
func pick(rt *rapid.T, all object) object {
	some := object{}
	for _, key := range sorted(all) {
		if rapid.Bool().Draw(rt, key) {
			some[key] = all[key]
		}
	}
	return some
}

func sorted[V any](all map[string]V) []string { return slices.Sorted(maps.Keys(all)) }

func merge(objects ...object) object {
	all := object{}
	for _, one := range objects {
		maps.Copy(all, one)
	}
	return all
}

func duration(rt *rapid.T, low, high time.Duration) string {
	return fmt.Sprintf("%ds", rapid.Int64Range(int64(low/time.Second), int64(high/time.Second)).Draw(rt, "duration"))
}
