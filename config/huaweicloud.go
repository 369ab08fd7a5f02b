package config

import (
	"regexp"
	"slices"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

// HuaweiCloudVOD is an account at Huawei Cloud VOD. It authenticates in exactly
// one way: with AccessKey and SecretKey (and SecurityToken, if the keys are
// temporary), with Token, or with a token that is fetched from IAM.
type HuaweiCloudVOD struct {
	// Region is empty if only an endpoint was given.
	Region string
	// Endpoint is scheme://host[:port], the configured one or the region's.
	Endpoint  string
	ProjectID string

	// Secrets are nil where they were not given.
	AccessKey, SecretKey, SecurityToken, Token *Secret
	IAM                                        *IAM

	// HTTPClientConfig has TLS and proxy settings only; file paths in it are
	// absolute.
	HTTPClientConfig promconfig.HTTPClientConfig
}

// IAM is where and how a token is fetched by password.
type IAM struct {
	// Endpoint is scheme://host[:port].
	Endpoint         string
	Domain, Username string
	Password         *Secret
}

const (
	wayAccessKey = "access_key and secret_key"
	wayToken     = "token"
	wayIAM       = "iam"
	wayAPIKey    = "api_key"
)

var (
	regionForm    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	projectIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
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

func (h *HuaweiCloudVOD) who() string {
	switch {
	case h.IAM != nil:
		return h.IAM.Domain
	case h.AccessKey != nil && !h.AccessKey.fromFile():
		return h.AccessKey.Value()
	default:
		return h.ProjectID
	}
}

func readHuaweiCloudVOD(v value) *HuaweiCloudVOD {
	m, ok := v.mapping()
	if !ok {
		return nil
	}
	h := &HuaweiCloudVOD{Region: readRegion(m.get("region"))}
	h.Endpoint = readHuaweiEndpoint(m, h.Region)
	h.ProjectID = readProjectID(m.get("project_id"))
	keys := way{wayAccessKey, []string{
		"access_key", "access_key_file", "secret_key", "secret_key_file", "security_token", "security_token_file",
	}}
	switch readWay(m, keys, way{wayToken, []string{"token", "token_file"}}, way{wayIAM, []string{"iam"}}) {
	case wayAccessKey:
		h.AccessKey = m.requiredSecret("access_key")
		h.SecretKey = m.requiredSecret("secret_key")
		h.SecurityToken = m.secret("security_token")
	case wayToken:
		h.Token = m.secret("token")
	case wayIAM:
		h.IAM = readIAM(m.get("iam"), h.Region)
	}
	h.HTTPClientConfig = readVendorHTTP(m.get("http_client_config"))
	return h
}

func readRegion(v value) string {
	region := v.text()
	// A region becomes part of a host name.
	if region != "" && !regionForm.MatchString(region) {
		v.failf("%s is not a region such as ap-southeast-3", shown(region))
		return ""
	}
	return region
}

func readHuaweiEndpoint(m mapping, region string) string {
	if m.has("endpoint") {
		return readEndpoint(m.get("endpoint"))
	}
	if !m.has("region") {
		m.get("region").failf("is required, or endpoint")
		return ""
	}
	endpoint, known := huaweiEndpoint(region)
	if !known && region != "" {
		m.get("region").failf("no endpoint is known for %s; known are %s; for another region give endpoint",
			shown(region), strings.Join(huaweiRegions(), ", "))
	}
	return endpoint
}

func readProjectID(v value) string {
	id := v.requiredText()
	// The id becomes part of a path.
	if id != "" && !projectIDForm.MatchString(id) {
		v.failf("%s is not a project id such as 0123456789abcdef0123456789abcdef", shown(id))
	}
	return id
}

func readIAM(v value, region string) *IAM {
	m, ok := v.mapping()
	if !ok {
		return nil
	}
	iam := &IAM{
		Domain:   checkedText(m.get("domain")),
		Username: checkedText(m.get("username")),
		Password: m.requiredPassword("password"),
	}
	switch {
	case m.has("endpoint"):
		iam.Endpoint = readEndpoint(m.get("endpoint"))
	case region != "":
		iam.Endpoint = "https://iam." + region + ".myhuaweicloud.com"
	default:
		m.get("endpoint").failf("is required where no region is given")
	}
	return iam
}
