package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

// meet shakes hands and passes one byte each way. Both errors are nil or
// neither: with TLS 1.3 a client learns only from the next read that it is not
// welcome.
func meet(tb testing.TB, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	tb.Helper()
	// A pipe without a buffer would hang where both write: one an alert, one data.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer listener.Close()
	b, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(tb, err)
	defer b.Close()
	a, err := listener.Accept()
	require.NoError(tb, err)
	defer a.Close()
	deadline := time.Now().Add(10 * time.Second)
	require.NoError(tb, a.SetDeadline(deadline))
	require.NoError(tb, b.SetDeadline(deadline))
	done := make(chan error, 1)
	go func() {
		err := echo(tls.Server(a, server))
		a.Close()
		done <- err
	}()
	conn := tls.Client(b, client)
	clientErr = ask(conn)
	b.Close()
	return conn.ConnectionState(), <-done, clientErr
}

func echo(conn *tls.Conn) error {
	if err := conn.Handshake(); err != nil {
		return err
	}
	_, err := io.CopyN(conn, conn, 1)
	return err
}

func ask(conn *tls.Conn) error {
	if err := conn.Handshake(); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("?")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// TestWhoMayConnect: the authority and the name, both, and in full.
func TestWhoMayConnect(t *testing.T) {
	w := newWorld(t)
	const spiffe, plain = "spiffe://example.com/ns/edge/sa/Envoy", "https://example.com/%7Eenvoy"
	w.files.AllowedSANs = []string{"dns:" + allowedName, "dns:Second.Example.com", "uri:" + spiffe, "uri:" + plain, "uri:https://calm.example.com/envoy"}
	i := w.load(t)
	other := authority(t)
	sub := issue(t, &w.ca, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.DNSNames = true, true, []string{allowedName}
		c.Subject.CommonName = "an intermediate"
	})

	for name, row := range map[string]struct {
		from *pair // nil: the world's authority
		edit func(*x509.Certificate)
		want string // part of the server's error; "" means welcome
	}{
		"the name":                  {edit: named(allowedName)},
		"the name in capitals":      {edit: named("ENVOY.example.COM")},
		"one of several names":      {edit: named("a.example.com", allowedName)},
		"a name listed in capitals": {edit: named("second.example.com")},
		"the SPIFFE id":             {edit: trial.URI(t, spiffe)},
		"the id with a DNS name":    {edit: func(c *x509.Certificate) { trial.URI(t, spiffe)(c); c.DNSNames = []string{"x.example.com"} }},
		"another URI":               {edit: trial.URI(t, plain)},

		"another name":         {edit: named("other.example.com"), want: `it has "dns:other.example.com"`},
		"a longer name":        {edit: named("x."+allowedName, allowedName+".example.com"), want: "no name on the list"},
		"a shorter name":       {edit: named("example.com"), want: "no name on the list"},
		"a wildcard":           {edit: named("*.example.com"), want: "no name on the list"},
		"a trailing dot":       {edit: named(allowedName + "."), want: "no name on the list"},
		"the common name":      {edit: func(c *x509.Certificate) { c.Subject.CommonName = allowedName }, want: "neither a DNS name nor a URI"},
		"the name as mail":     {edit: func(c *x509.Certificate) { c.EmailAddresses = []string{allowedName} }, want: "neither a DNS name nor a URI"},
		"the name as URI":      {edit: trial.URI(t, "dns:"+allowedName), want: "no name on the list"},
		"the id in small":      {edit: trial.URI(t, "spiffe://example.com/ns/edge/sa/envoy"), want: "no name on the list"},
		"the id and a slash":   {edit: trial.URI(t, spiffe+"/"), want: "no name on the list"},
		"the id and a child":   {edit: trial.URI(t, spiffe+"/x"), want: "no name on the list"},
		"the id and a query":   {edit: trial.URI(t, spiffe+"?x"), want: "no name on the list"},
		"two SPIFFE ids":       {edit: trial.URI(t, spiffe, "spiffe://example.com/b"), want: "no X509-SVID"},
		"a URI read otherwise": {edit: trial.URI(t, "https://example.com/~envoy"), want: "no name on the list"},
		// A parsed URI prints its scheme in small letters, whatever it was.
		"a scheme in capitals": {edit: func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "HTTPS", Host: "calm.example.com", Path: "/envoy"}}
		}, want: "no name on the list"},
		"a path in capitals": {edit: trial.URI(t, "https://calm.example.com/ENVOY"), want: "no name on the list"},
		"no name":            {want: "neither a DNS name nor a URI"},

		"another authority":     {from: &other, edit: named(allowedName), want: "unknown authority"},
		"an authority unlisted": {from: &sub, edit: named(allowedName), want: "unknown authority"}, // the intermediate is not sent
		"ended":                 {edit: func(c *x509.Certificate) { named(allowedName)(c); c.NotAfter = time.Now().Add(-time.Minute) }, want: "expired"},
		"not yet valid":         {edit: func(c *x509.Certificate) { named(allowedName)(c); c.NotBefore = time.Now().Add(time.Minute) }, want: "not yet valid"},
		"for servers alone": {edit: func(c *x509.Certificate) {
			named(allowedName)(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, want: "incompatible key usage"},
		"SPIFFE id of a CA": {edit: func(c *x509.Certificate) { trial.URI(t, spiffe)(c); c.IsCA, c.BasicConstraintsValid = true, true }, want: "no X509-SVID"},
	} {
		from := &w.ca
		if row.from != nil {
			from = row.from
		}
		p := issue(t, from, row.edit)
		for version, number := range versions {
			t.Run(name+" "+version, func(t *testing.T) {
				client := w.client(&p)
				client.MinVersion, client.MaxVersion = number, number
				before := i.Status().Refused
				state, serverErr, clientErr := meet(t, i.Server(), client)
				if row.want == "" {
					require.NoError(t, serverErr)
					require.NoError(t, clientErr)
					require.Equal(t, number, state.Version)
					require.Equal(t, before, i.Status().Refused)
					return
				}
				require.ErrorContains(t, serverErr, row.want)
				require.Error(t, clientErr, "the client got its byte back")
			})
		}
	}
}

func TestNoCertificateNoConnection(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	_, serverErr, clientErr := meet(t, i.Server(), w.client(nil))
	require.ErrorContains(t, serverErr, "didn't provide a certificate")
	require.Error(t, clientErr)
}

// TestRefusalIsRemembered: Envoy's operator sees an alert and no more, so ours
// has to see who came.
func TestRefusalIsRemembered(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	stranger := issue(t, &w.ca, named("stranger.example.com\x1b[31m"))
	_, _, err := meet(t, i.Server(), w.client(&stranger))
	require.Error(t, err)
	status := i.Status()
	require.EqualValues(t, 1, status.Refused)
	require.Contains(t, status.LastRefusal, "--tls-client-san")
	require.Contains(t, status.LastRefusal, `stranger.example.com`)
	require.NotContains(t, status.LastRefusal, "\x1b")
}

func TestProtocols(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	guest := issue(t, &w.ca, named(allowedName))
	negotiate := func(server []string, client ...string) (string, error) {
		config := w.client(&guest)
		config.NextProtos = client
		state, _, err := meet(t, i.Server(server...), config)
		return state.NegotiatedProtocol, err
	}
	got, err := negotiate(nil, "h2", "http/1.1")
	require.NoError(t, err)
	require.Equal(t, "h2", got)
	got, err = negotiate(nil, "http/1.1")
	require.NoError(t, err)
	require.Empty(t, got, "crypto/tls lets such a client in without a protocol, and gRPC then refuses him")
	got, err = negotiate([]string{"h2", "http/1.1"}, "http/1.1")
	require.NoError(t, err)
	require.Equal(t, "http/1.1", got)
	got, err = negotiate([]string{"h2", "http/1.1"}, "http/1.1", "h2")
	require.NoError(t, err)
	require.Equal(t, "h2", got)
}

// TestNewestVersion: 1.3 with who can, 1.2 at least, and with 1.2 no cipher that
// HTTP/2 forbids.
func TestNewestVersion(t *testing.T) {
	w := newWorld(t)
	i := w.load(t)
	guest := issue(t, &w.ca, named(allowedName))
	state, _, err := meet(t, i.Server(), w.client(&guest))
	require.NoError(t, err)
	require.EqualValues(t, tls.VersionTLS13, state.Version)

	old := w.client(&guest)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, serverErr, _ := meet(t, i.Server(), old)
	require.ErrorContains(t, serverErr, "unsupported versions")

	weak := w.client(&guest)
	weak.MaxVersion = tls.VersionTLS12
	weak.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}
	_, serverErr, _ = meet(t, i.Server(), weak)
	require.ErrorContains(t, serverErr, "no cipher suite")
}

// TestNothingIsResumed: a ticket would bring back a client whose authority was
// taken off the list.
func TestNothingIsResumed(t *testing.T) {
	for version, number := range versions {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			i := w.load(t)
			server := i.Server()
			guest := issue(t, &w.ca, named(allowedName))
			client := w.client(&guest)
			client.MinVersion, client.MaxVersion = number, number
			client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
			for range 3 {
				state, _, err := meet(t, server, client)
				require.NoError(t, err)
				require.False(t, state.DidResume)
			}
			put(t, w.files.ClientCA, authority(t).CertificatePEM())
			changed, err := i.Refresh(time.Now())
			require.NoError(t, err)
			require.True(t, changed)
			_, serverErr, clientErr := meet(t, server, client)
			require.ErrorContains(t, serverErr, "unknown authority")
			require.Error(t, clientErr)
		})
	}
}
