package vendors

import (
	"slices"

	"prefetch_exporter/config/form"
	"prefetch_exporter/internal/strict"
)

const baiduCloudEndpoint = "https://cdn.baidubce.com"

// BaiduCloudCDN is an account at Baidu AI Cloud CDN.
type BaiduCloudCDN struct {
	// Endpoint is scheme://host[:port].
	Endpoint string `yaml:"endpoint"`
	// Edition is the service in China, or the one abroad, which has paths of its own.
	Edition    string `yaml:"edition"`
	AccessKeys `yaml:",inline"`
}

func readBaiduCloudCDN(m form.Mapping) Vendor {
	return &BaiduCloudCDN{
		Endpoint:   readEndpointOr(m, baiduCloudEndpoint),
		Edition:    readEdition(m.Get("edition")),
		AccessKeys: readAccessKeys(m),
	}
}

// Identity tells the access key, and not the edition: the vendor counts the account.
func (b *BaiduCloudCDN) Identity() (endpoint, who string) {
	return b.Endpoint, steadyKey(b.AccessKeyID)
}

// readEdition reads the edition, which is the first of them if it is not given.
func readEdition(v form.Value) string {
	editions := []string{"china", "abroad"}
	if !v.Given() {
		return editions[0]
	}
	edition := v.Text()
	if edition != "" && !slices.Contains(editions, edition) {
		v.Failf("%s is no edition; give %s", strict.Quote(edition), form.OneOf(editions))
	}
	return edition
}
