package config

import (
	"fmt"
	"io"
	"log/slog"
)

// The types below hold prometheus/common HTTP client configurations, whose
// secrets print themselves in clear. So each prints only what it is, in every
// way in which it can be printed. What may be shown is [Config.Masked].

// String returns the name of the configuration file.
func (c Config) String() string { return "config(" + c.file + ")" }

// Format writes [Config.String] for every verb and flag.
func (c Config) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue returns [Config.String].
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns [Config.String].
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the provider and the endpoint.
func (h HuaweiCloudVOD) String() string { return providerHuaweiCloudVOD + "(" + h.Endpoint + ")" }

// Format writes [HuaweiCloudVOD.String] for every verb and flag.
func (h HuaweiCloudVOD) Format(f fmt.State, _ rune) { format(f, h) }

// LogValue returns [HuaweiCloudVOD.String].
func (h HuaweiCloudVOD) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalText returns [HuaweiCloudVOD.String].
func (h HuaweiCloudVOD) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String returns the provider and the endpoint.
func (c CDNetworks) String() string { return providerCDNetworks + "(" + c.Endpoint + ")" }

// Format writes [CDNetworks.String] for every verb and flag.
func (c CDNetworks) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue returns [CDNetworks.String].
func (c CDNetworks) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns [CDNetworks.String].
func (c CDNetworks) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String returns the address without credentials.
func (h HTTPDiscovery) String() string { return "http(" + h.Source() + ")" }

// Format writes [HTTPDiscovery.String] for every verb and flag.
func (h HTTPDiscovery) Format(f fmt.State, _ rune) { format(f, h) }

// LogValue returns [HTTPDiscovery.String].
func (h HTTPDiscovery) LogValue() slog.Value { return slog.StringValue(h.String()) }

// MarshalText returns [HTTPDiscovery.String].
func (h HTTPDiscovery) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

func format(f fmt.State, s fmt.Stringer) {
	// fmt has no way to take a writer's error.
	_, _ = io.WriteString(f, s.String())
}
