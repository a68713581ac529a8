package egress

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"code.dny.dev/ssrf"

	"navidocs/internal/fault"
)

// The ports of public addresses that may be dialled.
var (
	webPorts       = []uint16{443}
	encryptedPorts = []uint16{443, 993, 8883}
)

// unlisted are addresses that only a literal entry opens, never a network or a
// name: what machines tell about themselves, and addresses with another one
// inside, which would carry a request past every rule for the inner one.
var unlisted = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("255.255.255.255/32"),
	netip.MustParsePrefix("100.100.100.200/32"), // metadata of Alibaba Cloud
	netip.MustParsePrefix("168.63.129.16/32"),   // metadata of Azure
	netip.MustParsePrefix("192.0.0.192/32"),     // metadata of Oracle Cloud
	netip.MustParsePrefix("fd00:ec2::/64"),      // metadata of AWS
	netip.MustParsePrefix("fd20:ce::254/128"),   // metadata of Google Cloud
	netip.MustParsePrefix("fe80::/10"),
	netip.MustParsePrefix("ff00::/8"),
	netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("::ffff:0:0/96"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("2002::/16"),
}

// allowance is one entry of the allow list: one of host, addr and network.
type allowance struct {
	host    string
	addr    netip.Addr
	network netip.Prefix
	port    uint16 // 0 means every port
}

// guard decides what may be reached.
type guard struct {
	allowed []allowance
	public  *ssrf.Guardian // knows the special networks of the IANA
}

func newGuard(allowed []allowance) *guard {
	return &guard{allowed: allowed, public: ssrf.New(ssrf.WithAnyPort())}
}

// judge refuses an address unless the list names it, or it is public and its
// port is one of ports. The host is the name under which it was asked for.
func (g *guard) judge(host string, target netip.AddrPort, ports []uint16) error {
	addr, port := target.Addr().Unmap().WithZone(""), target.Port()
	if g.listed(host, addr, port) {
		return nil
	}
	special := contained(unlisted, target.Addr().WithZone(""))
	if special || g.public.SafeAddr(target.Addr()) != nil {
		return fault.New(fault.Invalid, "%s leads to an address that is not on the internet; if it should be reached, the operator adds it to EGRESS_ALLOW", host)
	}
	if len(ports) == 0 {
		return fault.New(fault.Invalid, "%s would be reached without encryption; use https (mqtts for a broker), or let the operator add it to EGRESS_ALLOW", host)
	}
	if !slices.Contains(ports, port) {
		return fault.New(fault.Invalid, "port %d of %s may not be used; use %s, or let the operator add %s:%d to EGRESS_ALLOW", port, host, joinPorts(ports), host, port)
	}
	return nil
}

func (g *guard) listed(host string, addr netip.Addr, port uint16) bool {
	host = canonicalHost(host)
	literalOnly := contained(unlisted, addr)
	for _, a := range g.allowed {
		switch {
		case a.port != 0 && a.port != port:
		case a.addr.IsValid() && a.addr == addr:
			return true
		case literalOnly:
		case a.network.IsValid() && a.network.Contains(addr):
			return true
		case a.host != "" && a.host == host:
			return true
		}
	}
	return false
}

func contained(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// numeric matches hosts that some resolvers read as an address in an old
// spelling: 2130706433, 0x7f.1, 127.1.
var numeric = regexp.MustCompile(`(?i)(^|\.)(\d+|0x[0-9a-f]*)\.?$`)

// checkForm refuses what is wrong with a URL whatever its host leads to.
func (g *guard) checkForm(u *url.URL) error {
	switch host := u.Hostname(); {
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.New(fault.Invalid, "the address must begin with https://")
	case host == "":
		return fault.New(fault.Invalid, "the address names no host; write https://host/path")
	case u.User != nil:
		return fault.New(fault.Invalid, "the address must not hold a user name or password; use a token in the path or a header")
	case u.Port() != "" && !validPort(u.Port()):
		return fault.New(fault.Invalid, "port %s does not exist", u.Port())
	case strings.Contains(host, "%"):
		return fault.New(fault.Invalid, "%s must not name a network interface", host)
	case numeric.MatchString(host):
		if _, err := netip.ParseAddr(host); err != nil {
			return fault.New(fault.Invalid, "%s is not an address; write four numbers, such as 192.168.1.5", host)
		}
	}
	return nil
}

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// parseAllow reads the allow list.
func parseAllow(entries []string) ([]allowance, error) {
	var allowed []allowance
	var faults []fault.Field
	for _, entry := range entries {
		a, problem := parseAllowance(strings.TrimSpace(entry))
		if problem != "" {
			faults = append(faults, fault.Field{Location: "EGRESS_ALLOW", Message: problem, Value: entry})
			continue
		}
		allowed = append(allowed, a)
	}
	if faults != nil {
		return nil, fault.Fields(faults...)
	}
	return allowed, nil
}

// parseAllowance reads one entry. Brackets stand around an IPv6 address or
// network that a port follows, and around nothing else.
func parseAllowance(entry string) (a allowance, problem string) {
	rest := entry
	if inner, port, ok := cutPort(entry); ok {
		if !validPort(port) {
			return a, "port " + port + " does not exist"
		}
		a.port, rest = parsePort(port), inner
	}
	inner, bracketed := strings.CutPrefix(rest, "[")
	if bracketed {
		var closed bool
		if rest, closed = strings.CutSuffix(inner, "]"); !closed || !strings.Contains(rest, ":") {
			return a, entry + ": brackets stand around an IPv6 address"
		}
	}
	if addr, err := netip.ParseAddr(rest); err == nil && addr.Zone() == "" {
		a.addr = addr.Unmap()
		return a, ""
	}
	if network, err := netip.ParsePrefix(rest); err == nil {
		a.network = network.Masked()
		return a, ""
	}
	a.host = canonicalHost(rest)
	if bracketed || !hostName.MatchString(a.host) || numeric.MatchString(a.host) {
		return a, entry + " is not a host, address or network; write ha.local:8123, 192.168.1.5, 192.168.1.0/24 or [fd00::1]:80"
	}
	return a, ""
}

// cutPort takes :port off the end; the colons of an IPv6 address are no port.
func cutPort(entry string) (rest, port string, ok bool) {
	i := strings.LastIndexByte(entry, ':')
	if i < 0 || (strings.Count(entry, ":") > 1 && !strings.HasSuffix(entry[:i], "]")) {
		return entry, "", false
	}
	return entry[:i], entry[i+1:], true
}

func canonicalHost(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

func validPort(s string) bool { return parsePort(s) > 0 }

func parsePort(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

func joinPorts(ports []uint16) string {
	texts := make([]string, len(ports))
	for i, p := range ports {
		texts[i] = strconv.Itoa(int(p))
	}
	return strings.Join(texts, ", ")
}
