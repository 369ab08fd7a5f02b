package vendors

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/client"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

// HuaweiCloudVOD is an account at Huawei Cloud VOD. It authenticates in exactly
// one way: with AccessKey and SecretKey (and SecurityToken, if the keys are
// temporary), with Token, or with a token that is fetched from IAM.
type HuaweiCloudVOD struct {
	// Region is empty if only an endpoint was given.
	Region string `yaml:"region,omitempty"`
	// Endpoint is scheme://host[:port], the configured one or the region's.
	Endpoint         string            `yaml:"endpoint"`
	ProjectID        string            `yaml:"project_id"`
	IAM              *IAM              `yaml:"iam,omitempty"`
	HTTPClientConfig client.HTTPConfig `yaml:"http_client_config,omitempty"`

	// Secrets are nil where they were not given.
	AccessKey     *secret.Secret `yaml:"access_key,omitempty"`
	SecretKey     *secret.Secret `yaml:"secret_key,omitempty"`
	SecurityToken *secret.Secret `yaml:"security_token,omitempty"`
	Token         *secret.Secret `yaml:"token,omitempty"`
}

// IAM is where and how a token is fetched by password.
type IAM struct {
	// Endpoint is scheme://host[:port].
	Endpoint string         `yaml:"endpoint"`
	Domain   string         `yaml:"domain"`
	Username string         `yaml:"username"`
	Password *secret.Secret `yaml:"password"`
}

func huaweiCloudVOD() Section {
	return Section{
		Name:  "huaweicloud_vod",
		Calls: 50, Per: time.Minute,
		Keys:  form.KeysOf[HuaweiCloudVOD](),
		Below: map[string]form.Level{"iam": {Keys: form.KeysOf[IAM](), Form: "{domain: …, username: …, password_file: …}"}},
		Form:  "{region: …, project_id: …, access_key: …, secret_key_file: …}",
		Read:  readHuaweiCloudVOD,
	}
}

var (
	regionForm   = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	huaweiIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// huaweiRegions returns the regions that have the VOD service, after
// services/vod/v1/region/region.go of github.com/huaweicloud/huaweicloud-sdk-go-v3.
func huaweiRegions() []string {
	return []string{
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
		"cn-east-2", "cn-north-1", "cn-north-4",
	}
}

// huaweiEndpoint returns the endpoint of the VOD service in region, and false
// if it is not known to have one.
func huaweiEndpoint(region string) (string, bool) {
	if !slices.Contains(huaweiRegions(), region) {
		return "", false
	}
	return "https://vod." + region + ".myhuaweicloud.com", true
}

// Identity tells the access key or the IAM domain. A token, and an access key in
// a file, change with every renewal, so there it is the project id.
func (h *HuaweiCloudVOD) Identity() (endpoint, who string) {
	switch {
	case h.IAM != nil:
		return h.Endpoint, h.IAM.Domain
	case h.AccessKey != nil && !h.AccessKey.FromFile():
		return h.Endpoint, h.AccessKey.Value()
	default:
		return h.Endpoint, h.ProjectID
	}
}

func readHuaweiCloudVOD(m form.Mapping) Vendor {
	h := &HuaweiCloudVOD{Region: readRegion(m.Get("region"))}
	h.Endpoint = readHuaweiEndpoint(m, h.Region)
	h.ProjectID = readProjectID(m.Get("project_id"))
	switch readHuaweiWay(m) {
	case wayAccessKey:
		h.AccessKey = m.RequiredSecret("access_key")
		h.SecretKey = m.RequiredSecret("secret_key")
		h.SecurityToken = m.Secret("security_token")
	case wayToken:
		h.Token = m.Secret("token")
	case wayIAM:
		h.IAM = readIAM(m.Get("iam"), huaweiIAM(h.Region), "no region is given")
	}
	h.HTTPClientConfig = client.ReadVendorHTTP(m.Get("http_client_config"))
	return h
}

// readHuaweiWay returns the one way to authenticate at Huawei Cloud that m gives.
func readHuaweiWay(m form.Mapping) string {
	keys := way{wayAccessKey, []string{"access_key", "secret_key", "security_token"}}
	return readWay(m, keys, way{wayToken, []string{"token"}}, way{wayIAM, []string{"iam"}})
}

func readRegion(v form.Value) string {
	region := v.Text()
	// A region becomes part of a host name.
	if region != "" && !regionForm.MatchString(region) {
		v.Failf("%s is not a region such as ap-southeast-3", strict.Quote(region))
		return ""
	}
	return region
}

func readHuaweiEndpoint(m form.Mapping, region string) string {
	if m.Has("endpoint") {
		return address.Endpoint(m.Get("endpoint"))
	}
	if !m.Has("region") {
		m.Get("region").Failf("is required, or endpoint")
		return ""
	}
	endpoint, known := huaweiEndpoint(region)
	if !known && region != "" {
		m.Get("region").Failf("no endpoint is known for %s; known are %s; for another region give endpoint",
			strict.Quote(region), strings.Join(huaweiRegions(), ", "))
	}
	return endpoint
}

func readProjectID(v form.Value) string { return checkedID(v, v.RequiredText(), "a project id") }

// checkedID returns the id of something, which becomes part of an address or of a
// header; empty if it was not given.
func checkedID(v form.Value, id, what string) string {
	if id != "" && !huaweiIDForm.MatchString(id) {
		v.Failf("%s is not %s such as 0123456789abcdef0123456789abcdef", strict.Quote(id), what)
	}
	return id
}

// huaweiIAM returns the endpoint of IAM in a region; empty without one.
func huaweiIAM(region string) string {
	if region == "" {
		return ""
	}
	return "https://iam." + region + ".myhuaweicloud.com"
}

// readIAM reads the section, with an endpoint where none is given; empty if it can
// be known only otherwise, which unless says.
func readIAM(v form.Value, endpoint, unless string) *IAM {
	m, ok := v.Mapping()
	if !ok {
		return nil
	}
	iam := &IAM{
		Domain:   m.Get("domain").RequiredLine(),
		Username: m.Get("username").RequiredLine(),
		Password: m.RequiredPassword("password"),
		Endpoint: endpoint,
	}
	if m.Has("endpoint") {
		iam.Endpoint = address.Endpoint(m.Get("endpoint"))
	} else if endpoint == "" {
		m.Get("endpoint").Failf("is required where %s", unless)
	}
	return iam
}
