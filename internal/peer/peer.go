// Package peer tells clients apart, so that one cannot take what is there for all.
// It must not know what they want.
package peer

import (
	"net"
	"net/netip"
)

// sameNetwork is how many bits of an IPv6 address are one client's: whoever has
// one address has all of the rest.
const sameNetwork = 64

// Of returns a name of the client at an address such as "192.0.2.1:1234", without
// its port; all that is not IP is one client for each text.
func Of(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(sameNetwork)
	if err != nil {
		return ip.String()
	}
	return network.String()
}
