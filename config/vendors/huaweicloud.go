package vendors

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"prefetch_exporter/config/address"
	"prefetch_exporter/config/form"
	"prefetch_exporter/config/secret"
	"prefetch_exporter/internal/strict"
)

// HuaweiCloudVOD is an account at Huawei Cloud VOD.
type HuaweiCloudVOD struct {
	// Region is empty if only an endpoint was given.
	Region string `yaml:"region,omitempty"`
	// Endpoint is scheme://host[:port], the configured one or the region's.
	Endpoint    string `yaml:"endpoint"`
	ProjectID   string `yaml:"project_id"`
	HuaweiLogin `yaml:",inline"`
}

// HuaweiLogin is how an account authenticates at Huawei Cloud, in exactly one way:
// with AccessKey and SecretKey (and SecurityToken, if the keys are temporary), with
// Token, or with a token that is fetched from IAM.
type HuaweiLogin struct {
	IAM     *IAM `yaml:"iam,omitempty"`
	Network `yaml:",inline"`

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

func iamLevel() map[string]form.Level {
	return map[string]form.Level{"iam": {Keys: form.KeysOf[IAM](), Form: "{domain: …, username: …, password_file: …}"}}
}

var (
	regionForm   = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	huaweiIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	// huaweiRegions are those that have the VOD service, after
	// services/vod/v1/region/region.go of github.com/huaweicloud/huaweicloud-sdk-go-v3.
	huaweiRegions = []string{
		"ap-southeast-1", "ap-southeast-2", "ap-southeast-3",
		"cn-east-2", "cn-north-1", "cn-north-4",
	}
)

// Identity tells the access key or the IAM domain, else the project id.
func (h *HuaweiCloudVOD) Identity() (endpoint, who string) { return h.Endpoint, h.who(h.ProjectID) }

// who is the access key or the IAM domain. A token, and an access key in a file,
// change with every renewal, so there it is the id of something that does not.
func (l *HuaweiLogin) who(id string) string {
	if l.IAM != nil {
		return l.IAM.Domain
	}
	return cmp.Or(steadyKey(l.AccessKey), id)
}

func readHuaweiCloudVOD(m form.Mapping) Vendor {
	region, project, iam := readRegion(m.Get("region")), m.Get("project_id"), ""
	if region != "" {
		iam = "https://iam." + region + ".myhuaweicloud.com"
	}
	return &HuaweiCloudVOD{
		Region:      region,
		Endpoint:    readHuaweiEndpoint(m, region),
		ProjectID:   checkedID(project, project.RequiredText(), "a project id"),
		HuaweiLogin: readHuaweiLogin(m, iam, "no region is given"),
	}
}

// readHuaweiLogin reads the one way to authenticate that m gives, where iam is the
// endpoint of IAM unless one is given, or empty where one must be, as unless says.
func readHuaweiLogin(m form.Mapping, iam, unless string) (l HuaweiLogin) {
	keys := way{wayAccessKey, []string{"access_key", "secret_key", "security_token"}}
	switch readWay(m, keys, way{wayToken, []string{"token"}}, way{wayIAM, []string{"iam"}}) {
	case wayAccessKey:
		l.AccessKey = m.RequiredSecret("access_key")
		l.SecretKey = m.RequiredSecret("secret_key")
		l.SecurityToken = m.Secret("security_token")
	case wayToken:
		l.Token = m.Secret("token")
	case wayIAM:
		l.IAM = readIAM(m.Get("iam"), iam, unless)
	}
	l.Network = readNetwork(m)
	return l
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
	if region != "" && !slices.Contains(huaweiRegions, region) {
		m.Get("region").Failf("no endpoint is known for %s; known are %s; for another region give endpoint",
			strict.Quote(region), strings.Join(huaweiRegions, ", "))
	}
	return "https://vod." + region + ".myhuaweicloud.com"
}

// checkedID returns the id of something, which becomes part of an address or of a
// header; empty if it was not given.
func checkedID(v form.Value, id, what string) string {
	if id != "" && !huaweiIDForm.MatchString(id) {
		v.Failf("%s is not %s such as 0123456789abcdef0123456789abcdef", strict.Quote(id), what)
	}
	return id
}

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
