package kubeheader

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
)

var errRecorded = errors.New("far enough")

// recorder has Go's dialer do all but connect. It knows no name server.
type recorder struct{ dialled []netip.AddrPort }

func (r *recorder) dialer() *net.Dialer {
	return &net.Dialer{
		FallbackDelay: -1,
		Resolver:      &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errRecorded }},
		Control: func(_, address string, _ syscall.RawConn) error {
			if ap, err := netip.ParseAddrPort(address); err == nil {
				r.dialled = append(r.dialled, ap)
			}
			return errRecorded
		},
	}
}

// goDials is what a Go client connects to for a URL that nobody checked: as
// net/http reads it, which maps the host by IDNA after parsing.
func goDials(t *testing.T, url string) string {
	t.Helper()
	var r recorder
	transport := &http.Transport{DialContext: r.dialer().DialContext}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return noURL
	}
	_, err = transport.RoundTrip(request)
	require.Error(t, err)
	if len(r.dialled) == 0 {
		return nothing
	}
	return r.dialled[0].Addr().String()
}

// What a row expects of the dialer.
const (
	nothing     = "nothing" // no address comes of it
	noURL       = "no URL"  // net/url refuses it
	thisMachine = "this machine"
)

// literal is one way to spell a host.
type literal struct {
	host  string
	parse string // the canonical URL, and the class of an address; or the reason
	dials string // what a Go client connects to that nobody checked
}

// literals are the ways to spell an address, and what looks like one.
func literals() []literal {
	return []literal{
		// IPv4 in the one spelling that is one to everybody, and in those that inet_aton of C reads.
		{"127.0.0.1", "https://127.0.0.1 loopback", "127.0.0.1"},
		{"127.0.0.1.", "server-host", nothing},
		{"127.1", "server-host", nothing},
		{"127.0.1", "server-host", nothing},
		{"0x7f.1", "server-host", nothing},
		{"0x7f000001", "server-host", nothing},
		{"0X7F000001", "server-host", nothing},
		{"0x7f.0x0.0x0.0x1", "server-host", nothing},
		{"0177.0.0.1", "server-host", nothing},
		{"0177.0.0.01", "server-host", nothing},
		{"017700000001", "server-host", nothing},
		{"2130706433", "server-host", nothing},
		{"127.000.000.001", "server-host", nothing},
		{"127.0.0.1.nip.io", "https://127.0.0.1.nip.io", nothing},
		{"127.0.0.0x1", "server-host", nothing},
		{"127.0.0.256", "server-host", nothing},
		{"0", "server-host", nothing},
		{"0.0.0.0", "https://0.0.0.0 unspecified", "0.0.0.0"},
		{"0.0.0.1", "https://0.0.0.1 unspecified", "0.0.0.1"},
		{"1.1", "server-host", nothing},
		{"169.254.169.254", "https://169.254.169.254 metadata", "169.254.169.254"},
		{"2852039166", "server-host", nothing},
		{"0xa9fea9fe", "server-host", nothing},
		{"169.254.43518", "server-host", nothing},
		{"0251.0376.0251.0376", "server-host", nothing},
		{"168.63.129.16", "https://168.63.129.16 metadata", "168.63.129.16"},
		{"10.0.0.1", "https://10.0.0.1 private", "10.0.0.1"},
		{"100.100.100.200", "https://100.100.100.200 metadata", "100.100.100.200"},
		// IPv6, with IPv4 in it by each way there is.
		{"[::1]", "https://[::1] loopback", "::1"},
		{"[0:0:0:0:0:0:0:1]", "https://[::1] loopback", "::1"},
		{"[::]", "https://[::] unspecified", "::"},
		{"[::ffff:127.0.0.1]", "https://127.0.0.1 loopback", "127.0.0.1"},
		{"[::ffff:7f00:1]", "https://127.0.0.1 loopback", "127.0.0.1"},
		{"[::FFFF:7F00:0001]", "https://127.0.0.1 loopback", "127.0.0.1"},
		{"[0:0:0:0:0:ffff:127.0.0.1]", "https://127.0.0.1 loopback", "127.0.0.1"},
		{"[::127.0.0.1]", "https://[::7f00:1] loopback", "::7f00:1"},
		{"[::7f00:1]", "https://[::7f00:1] loopback", "::7f00:1"},
		{"[64:ff9b::127.0.0.1]", "https://[64:ff9b::7f00:1] loopback", "64:ff9b::7f00:1"},
		{"[64:ff9b::a9fe:a9fe]", "https://[64:ff9b::a9fe:a9fe] metadata", "64:ff9b::a9fe:a9fe"},
		{"[2002:7f00:1::]", "https://[2002:7f00:1::] loopback", "2002:7f00:1::"},
		{"[2001:0:7f00:1::]", "https://[2001:0:7f00:1::] reserved", "2001:0:7f00:1::"},
		{"[fe80::1]", "https://[fe80::1] link-local", "fe80::1"},
		{"[fe80::1%25lo]", "server-host", "fe80::1%lo"},
		{"[::1%25lo]", "server-host", "::1%lo"},
		{"[fec0::1]", "https://[fec0::1] reserved", "fec0::1"},
		{"[fd00:ec2::254]", "https://[fd00:ec2::254] metadata", "fd00:ec2::254"},
		{"[::ffff:0:127.0.0.1]", "https://[::ffff:0:7f00:1] reserved", "::ffff:0:7f00:1"},
		{"[127.0.0.1]", "server-host", noURL},
		{"::1", "server-host", noURL},
		{"[::1", "server-host", noURL},
		{"[v1.x]", "server-host", noURL},
		// What IDNA maps to ASCII: full-width, circled, bold and Devanagari digits, the
		// ideographic and other full stops, soft hyphen, long s, sharp s, Kelvin sign, joiners.
		{"\uff11\uff12\uff17.0.0.1", "server-host", "127.0.0.1"},
		{"\u2460\u2461\u2466.0.0.1", "server-host", "127.0.0.1"},
		{"127\u30020\u30020\u30021", "server-host", "127.0.0.1"},
		{"127\uff0e0\uff0e0\uff0e1", "server-host", "127.0.0.1"},
		{"127\uff610\uff610\uff611", "server-host", "127.0.0.1"},
		{"\u0967\u0968\u096d.0.0.1", "server-host", nothing},
		{"\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "server-host", "127.0.0.1"},
		{"local\u00adhost", "server-host", thisMachine},
		{"\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "server-host", thisMachine},
		{"localho\u017ft", "server-host", thisMachine},
		{"\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "server-host", thisMachine},
		{"fa\u00df.example", "server-host", nothing},
		{"api\u200d.example.com", "server-host", nothing},
		{"api.example\u3002com", "server-host", nothing},
		{"\u212aube.example.com", "server-host", nothing},
		{"ku\u0308be.example.com", "server-host", nothing},
		// Names, and xn-- labels that idna.Lookup takes or refuses.
		{"localhost", "https://localhost", thisMachine},
		{"LOCALHOST", "https://localhost", thisMachine},
		{"xn--127-0-0-1", "server-host", nothing},
		{"xn--local-host-", "server-host", nothing},
		{"xn--localhost-", "server-host", nothing},
		{"xn--fa-hia.example", "https://xn--fa-hia.example", nothing},
		{"fass.example", "https://fass.example", nothing},
		{"xn--zca.example", "https://xn--zca.example", nothing},
		{"xn--1-0ga.example", "https://xn--1-0ga.example", nothing},
		{"xn--api-.example.com", "server-host", nothing},
		{"xn--api-example.com", "server-host", nothing},
		{"XN--FIQS8S.example", "https://xn--fiqs8s.example", nothing},
		// Escapes, user information and bytes at which readers of URLs part.
		{"127.0.0.1%2e", "server-host", noURL},
		{"%31%32%37.0.0.1", "server-host", noURL},
		{"127%2e0%2e0%2e1", "server-host", noURL},
		{"127.0.0.1@api.example.com", "server-userinfo", nothing},
		{"api.example.com@127.0.0.1", "server-userinfo", "127.0.0.1"},
		{"api.example.com\\@127.0.0.1", "server-userinfo", noURL},
		{"127.0.0.1\\.example.com", "server-host", noURL},
		{"api.example.com#@127.0.0.1", "server-fragment", nothing},
		{"127.0.0.1 ", "server-host", noURL},
		{"127.0.0.1\t", "server-host", noURL},
		{"127.0.0.1\x00", "server-host", noURL},
	}
}

// TestLiterals: every spelling that would make a Go client connect somewhere is
// refused, or is judged as the very address that is connected to.
func TestLiterals(t *testing.T) {
	require.GreaterOrEqual(t, len(literals()), 40)
	open, err := hostpolicy.New(hostpolicy.Config{AnyPublic: true, ReportHosts: true, ReportPorts: true})
	require.NoError(t, err)
	for _, l := range literals() {
		u, wrong := parseServer("https://" + l.host)
		says := u.String()
		judged, isAddress := netip.ParseAddr(u.Host())
		switch {
		case len(wrong) > 0:
			says = wrong[0].String()
		case isAddress == nil:
			says += " " + hostpolicy.Classify(judged).String()
		}
		require.Equal(t, l.parse, says, "%q", l.host)

		dialled := goDials(t, "https://"+l.host)
		if l.dials == thisMachine {
			// The hosts file decides which, and whether it is known there.
			a, err := netip.ParseAddr(dialled)
			require.True(t, dialled == nothing || err == nil && a.IsLoopback(), "%q dials %s", l.host, dialled)
		} else {
			require.Equal(t, l.dials, dialled, "%q", l.host)
		}
		if a, err := netip.ParseAddr(dialled); err == nil {
			if !u.IsZero() && isAddress == nil {
				require.Equal(t, judged, a.Unmap(), "%q is judged as another address than is dialled", l.host)
			}
			// And were it not refused: the look at the address itself is the last word.
			for _, host := range []string{l.host, u.Host(), "api.example.com"} {
				require.NotEqual(t, hostpolicy.Allowed, open.Address(host, netip.AddrPortFrom(a, 443)), "%q", l.host)
			}
		}
		if !u.IsZero() {
			// What is sent on is dialled as it was judged.
			again := goDials(t, u.String())
			if isAddress == nil {
				require.Equal(t, judged.String(), again, "%q", l.host)
			}
		}
	}
}
