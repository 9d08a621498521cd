package envoy

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Config is what differs between installations. Default gives one that works.
type Config struct {
	// ListenAddress is the IP address that clients connect to. Beyond loopback
	// it needs TLS.
	ListenAddress string
	ListenPort    uint16 // 0 lets Envoy choose
	// AdminAddress is the IP address of Envoy's admin interface; loopback only.
	AdminAddress string
	AdminPort    uint16 // 0 lets Envoy choose
	// Guard and Backend are where the two programs listen: "host:port", or
	// "unix:PATH" with an absolute path.
	Guard, Backend string
	// Guards are more guards beside Guard, in the same form. Names and Unix
	// sockets cannot be mixed.
	Guards []string
	// GuardTLS and BackendTLS are how Envoy meets the two programs; nil means in
	// the clear, which both refuse off loopback and Unix sockets.
	GuardTLS, BackendTLS *ClientTLS
	// Version is that of the Envoy that reads the configuration, such as "1.36.4".
	// What an older one does not know is left out; empty means 1.40, the newest
	// that this is tested with.
	Version string
	// AccessLog is the absolute path of the access log.
	AccessLog string
	// TrustedHops is how many proxies in front of Envoy are trusted for
	// x-forwarded-for and x-forwarded-proto (xff_num_trusted_hops).
	TrustedHops uint32
	// TLS is what clients are met with; nil means plain HTTP.
	TLS *TLS
	// SecretsDirectory is the absolute path where Envoy finds the files that
	// Secrets makes. With it Envoy follows certificates and keys that change;
	// without it, it reads them once, at start.
	SecretsDirectory string
	// CORS lets pages of other origins call; the zero value lets none.
	CORS CORS
	// FrontDoor asks every caller for a token of its own before the guard; nil
	// asks for none.
	FrontDoor *FrontDoor
	// Target is the one cluster that all requests are for; nil leaves the choice
	// to the caller.
	Target *Target
}

// TLS names PEM files, as absolute paths.
type TLS struct {
	CertificateFile string // the chain, leaf first
	KeyFile         string
}

// ClientTLS is mutual TLS from Envoy to one of the programs. The files are PEM
// at absolute paths; with Config.SecretsDirectory, each in a directory that holds
// no other program's changing files, since Envoy looks again on every rename there.
type ClientTLS struct {
	CertificateFile, KeyFile string // what Envoy shows: the chain, leaf first
	CAFile                   string // whom it believes
	// ServerSAN is the one name that the program's certificate has to hold:
	// "dns:NAME" or "uri:URI".
	ServerSAN string
}

// SANType is Envoy's word for the kind of ServerSAN.
func (c ClientTLS) SANType() string {
	if strings.HasPrefix(c.ServerSAN, "uri:") {
		return "URI"
	}
	return "DNS"
}

// SANValue is ServerSAN without its kind.
func (c ClientTLS) SANValue() string { return c.ServerSAN[strings.IndexByte(c.ServerSAN, ':')+1:] }

// ServerName is what to ask for in the handshake: the DNS name, if it is one.
func (c ClientTLS) ServerName() string {
	if c.SANType() == "DNS" {
		return c.SANValue()
	}
	return ""
}

// CORS says which pages in browsers may call.
type CORS struct {
	// Origins are compared whole: scheme, host, and port unless it is the
	// scheme's own, such as "https://app.example.com".
	Origins []string
}

// FrontDoor is a token in the authorization header, a JWT, that every request to
// /mcp needs before the guard looks at it. It ends at Envoy: neither guard nor
// backend sees it.
type FrontDoor struct {
	Issuer    string   // the iss claim, exactly
	Audiences []string // one of them has to be among aud; at least one
	JWKSFile  string   // absolute path of the issuer's keys, read once, at start
}

// Target is a cluster.
type Target struct {
	Server string // as kubernetes-server, such as "https://api.example.com:6443"
	// CertificateAuthorityData is base64 of PEM, as in a kubeconfig; at most 16 KiB.
	CertificateAuthorityData string
}

// Default is the configuration of a stack on one machine, without TLS: all on
// loopback, at the ports that the two programs choose when not told otherwise.
func Default() Config {
	return Config{
		ListenAddress: "127.0.0.1", ListenPort: 8080,
		AdminAddress: "127.0.0.1", AdminPort: 9901,
		Guard: "127.0.0.1:9002", Backend: "127.0.0.1:9003",
		AccessLog: "/dev/stdout",
	}
}

func (c Config) check() error {
	listen, err := netip.ParseAddr(c.ListenAddress)
	if err != nil {
		return fmt.Errorf("ListenAddress: not an IP address: %w", err)
	}
	if !listen.IsLoopback() && c.TLS == nil {
		return errors.New("ListenAddress: lies beyond loopback, where credentials must not travel in the clear: set TLS")
	}
	admin, err := netip.ParseAddr(c.AdminAddress)
	if err != nil {
		return fmt.Errorf("AdminAddress: not an IP address: %w", err)
	}
	if !admin.IsLoopback() {
		return errors.New("AdminAddress: whoever reaches it controls Envoy: choose a loopback address")
	}
	if c.Version != "" && minor(c.Version) < oldestMinor {
		return wrong("Version", "wants 1.36 or later")
	}
	return errors.Join(c.checkEndpoints(), c.checkFiles(), c.checkLink("GuardTLS", c.GuardTLS), c.checkLink("BackendTLS", c.BackendTLS),
		c.CORS.check(), c.FrontDoor.check(), c.Target.check())
}

// guards are all guards.
func (c Config) guards() []string { return append([]string{c.Guard}, c.Guards...) }

func (c Config) checkEndpoints() error {
	endpoints := map[string]string{"Guard": c.Guard, "Backend": c.Backend}
	sockets := 0
	for i, guard := range c.guards() {
		if i > 0 {
			endpoints["Guards["+strconv.Itoa(i-1)+"]"] = guard
		}
		if strings.HasPrefix(guard, "unix:") {
			sockets++
		}
	}
	if sockets > 0 && clusterType(c.guards()...) == byName {
		return wrong("Guards", "names and Unix sockets cannot be mixed")
	}
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if err := checkEndpoint(endpoints[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// wrong is an error about a field.
func wrong(field, what string) error { return errors.New(field + ": " + what) }

// oldestMinor is the minor version of the oldest Envoy that is supported.
const oldestMinor = 36

// What some of the supported Envoys do not know yet.
const (
	sinceAdminPaths = 37 // admin.allow_paths
	sinceFieldSize  = 38 // http2_protocol_options.max_header_field_size_kb
)

// minor is the minor version of an Envoy 1, or -1.
func minor(version string) int {
	text, ok := strings.CutPrefix(version, "1.")
	text, _, _ = strings.Cut(text, ".")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return -1
	}
	return n
}

// since reports whether the Envoy that is meant knows what came with 1.MINOR.
func (c Config) since(minorVersion int) bool {
	return c.Version == "" || minor(c.Version) >= minorVersion
}

func (c Config) checkFiles() error {
	files := map[string]string{"AccessLog": c.AccessLog}
	if c.TLS != nil {
		files["TLS.CertificateFile"], files["TLS.KeyFile"] = c.TLS.CertificateFile, c.TLS.KeyFile
	}
	if c.SecretsDirectory != "" {
		files["SecretsDirectory"] = c.SecretsDirectory
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !filepath.IsAbs(files[name]) {
			return fmt.Errorf("%s: not an absolute path", name)
		}
	}
	return nil
}

func (c Config) checkLink(name string, link *ClientTLS) error {
	if link == nil {
		return nil
	}
	for _, file := range []string{link.CertificateFile, link.KeyFile, link.CAFile} {
		if !filepath.IsAbs(file) {
			return fmt.Errorf("%s: CertificateFile, KeyFile and CAFile want absolute paths", name)
		}
	}
	kind, value, _ := strings.Cut(link.ServerSAN, ":")
	if kind != "dns" && kind != "uri" || value == "" {
		return fmt.Errorf("%s: ServerSAN wants dns:NAME or uri:URI", name)
	}
	return nil
}

func (c CORS) check() error {
	for _, origin := range c.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin || origin != strings.ToLower(origin) {
			return errors.New("CORS.Origins: wants scheme and host in lower case, and nothing after them, such as https://app.example.com")
		}
	}
	return nil
}

func (f *FrontDoor) check() error {
	switch {
	case f == nil:
		return nil
	case f.Issuer == "" || len(f.Audiences) == 0:
		return errors.New("FrontDoor: wants the issuer and at least one audience: a token for another service must not open it")
	case !filepath.IsAbs(f.JWKSFile):
		return errors.New("FrontDoor.JWKSFile: not an absolute path")
	}
	return nil
}

// maxInjected is how long a value may be that Envoy puts into a header, in bytes.
const maxInjected = 16384

func (t *Target) check() error {
	if t == nil {
		return nil
	}
	if u, err := url.Parse(t.Server); err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(t.Server, "%") {
		return errors.New("Target.Server: wants https://HOST[:PORT]")
	}
	if pem, err := base64.StdEncoding.Strict().DecodeString(t.CertificateAuthorityData); err != nil || len(pem) == 0 || len(t.CertificateAuthorityData) > maxInjected {
		return errors.New("Target.CertificateAuthorityData: wants base64 of PEM, at most 16 KiB of it")
	}
	return nil
}

func checkEndpoint(endpoint string) error {
	if path, ok := strings.CutPrefix(endpoint, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return errors.New("unix: wants an absolute path after it")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return fmt.Errorf("neither host:port nor unix:PATH: %w", err)
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
		return errors.New("wants a host and a port from 1 to 65535")
	}
	return nil
}
