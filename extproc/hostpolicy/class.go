package hostpolicy

import "net/netip"

// Class says what kind of network place an address is. The zero Class belongs
// to no address.
type Class uint8

// The classes. All but Public are refused until the policy opens them.
const (
	Public      Class = iota + 1 // ordinary unicast that the Internet routes
	Private                      // RFC 1918, RFC 6598 shared space, RFC 4193 unique local
	Loopback                     // this machine
	LinkLocal                    // this link
	Metadata                     // where a cloud serves credentials to whoever connects
	Multicast                    // many machines
	Unspecified                  // 0.0.0.0/8 and ::, which systems dial as this machine
	Reserved                     // everything else: documentation, benchmarking, translators, tunnels, the future
)

// classNames holds the spelling of each class, as data/*.csv and errors use it.
var classNames = [...]string{
	Public: "public", Private: "private", Loopback: "loopback", LinkLocal: "link-local", Metadata: "metadata",
	Multicast: "multicast", Unspecified: "unspecified", Reserved: "reserved",
}

// String is the class in lower case, as it appears in errors and in the data.
func (c Class) String() string {
	if c == 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// oneByOne reports whether addresses of the class stay refused inside an opened
// network, so that each must be named with a full-length prefix. Opening
// 10.0.0.0/8 or even ::/0 thus never opens this machine or its cloud's
// credentials by accident.
func (c Class) oneByOne() bool {
	switch c {
	case Public, Private, Reserved:
		return false
	case Loopback, LinkLocal, Metadata, Multicast, Unspecified:
	}
	return true
}

// canonical unmaps ::ffff:a.b.c.d and drops the zone, since netip.Prefix.Contains
// is false for both whatever the prefix.
func canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Classify says which class an address is in. An IPv4-mapped address has the
// class of its IPv4 form, and a zone is ignored. Of IPv6 only 2000::/3 without
// its special-purpose blocks is Public. An IPv6 address that leads to an IPv4
// one by RFC 6052 (NAT64), RFC 3056 (6to4) or the deprecated IPv4-compatible
// form has that address's class where it is one of those that are opened one by
// one (64:ff9b::a9fe:a9fe is Metadata), else it is Reserved. An invalid address
// is Reserved, and so is every address if the embedded tables do not parse.
func Classify(a netip.Addr) Class {
	a = canonical(a)
	rows, err := tables()
	if err != nil || !a.IsValid() {
		return Reserved
	}
	for _, r := range rows {
		if r.block.Contains(a) {
			return through(a, r.class)
		}
	}
	if a.Is6() && a.AsSlice()[0]>>5 != 0b001 { // 2000::/3
		return Reserved
	}
	return Public
}

// through looks behind a translator: class, unless a is a reserved IPv6 address
// that carries an IPv4 address of a class that must be named one by one.
func through(a netip.Addr, class Class) Class {
	if class != Reserved || !a.Is6() {
		return class
	}
	b := a.As16()
	var inner netip.Addr
	switch {
	case [12]byte(b[:12]) == [12]byte{}, [12]byte(b[:12]) == [12]byte{0, 0x64, 0xff, 0x9b}: // ::/96, 64:ff9b::/96
		inner = netip.AddrFrom4([4]byte(b[12:]))
	case [2]byte(b[:2]) == [2]byte{0x20, 0x02}: // 2002::/16
		inner = netip.AddrFrom4([4]byte(b[2:6]))
	default:
		return class
	}
	if c := Classify(inner); c.oneByOne() {
		return c
	}
	return class
}
