package egress

import (
	"crypto/x509"
	"net/netip"
)

// Trust lets a client accept the certificates of a test server.
func (c *Client) Trust(roots *x509.CertPool) { c.secure.TLSClientConfig.RootCAs = roots }

// Judge is what happens to an address at the moment it is dialled.
func (c *Client) Judge(host string, target netip.AddrPort, ports ...uint16) error {
	return c.guard.judge(host, target, ports)
}
