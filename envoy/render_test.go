package envoy_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

func render(t *testing.T, edit func(*envoy.Config)) string {
	t.Helper()
	c := envoy.Default()
	if edit != nil {
		edit(&c)
	}
	out, err := envoy.Render(c)
	require.NoError(t, err)
	return string(out)
}

// variants are the configurations that parameters can make, for an Envoy of this
// version.
func variants(t *testing.T, version string) map[string]string {
	t.Helper()
	certificate, key := pair(t)
	render := func(t *testing.T, edit func(*envoy.Config)) string {
		t.Helper()
		return render(t, func(c *envoy.Config) {
			c.Version = version
			if edit != nil {
				edit(c)
			}
		})
	}
	return map[string]string{
		"default": render(t, nil),
		"unix sockets": render(t, func(c *envoy.Config) {
			c.Guard, c.Backend = "unix:/run/guard \"a\".sock", "unix:/run/backend.sock"
		}),
		"names": render(t, func(c *envoy.Config) { c.Guard, c.Backend = "guard:9002", "backend.example.com:9003" }),
		"IPv6": render(t, func(c *envoy.Config) {
			c.ListenAddress, c.AdminAddress, c.Guard, c.Backend = "::1", "::1", "[::1]:9002", "[::1]:9003"
		}),
		"TLS beyond loopback": render(t, func(c *envoy.Config) {
			c.ListenAddress, c.ListenPort, c.TLS = "0.0.0.0", 8443, &envoy.TLS{CertificateFile: certificate, KeyFile: key}
		}),
		"behind a proxy": render(t, func(c *envoy.Config) { c.TrustedHops = 1; c.ListenPort, c.AdminPort = 0, 0 }),
		"mutual TLS": render(t, func(c *envoy.Config) {
			c.Guard, c.Guards, c.Backend = "guard-a:9002", []string{"guard-b:9002"}, "backend:9003"
			c.GuardTLS = &envoy.ClientTLS{CertificateFile: certificate, KeyFile: key, CAFile: certificate, ServerSAN: "dns:guard.example.com"}
			c.BackendTLS = &envoy.ClientTLS{CertificateFile: certificate, KeyFile: key, CAFile: certificate, ServerSAN: "uri:spiffe://example.com/backend"}
		}),
		"three guards":  render(t, func(c *envoy.Config) { c.Guards = []string{"127.0.0.1:9012", "unix:/run/guard.sock"} }),
		"log in a file": render(t, func(c *envoy.Config) { c.AccessLog = filepath.Join(t.TempDir(), "access: \"log\".json") }),
	}
}

func TestVariantsKeepEveryRule(t *testing.T) {
	for name, config := range variants(t, "") {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, slices.DeleteFunc(envoy.Lint([]byte(config)), func(f envoy.Finding) bool {
				return name == "names" && f.Rule == "upstream-tls" // names lie beyond loopback, in the clear
			}))
		})
	}
}

// TestEnvoyAccepts asks the real Envoy, in the version that it has.
func TestEnvoyAccepts(t *testing.T) {
	for name, config := range variants(t, binaryVersion(t)) {
		t.Run(name, func(t *testing.T) { accepts(t, config) })
	}
}

func TestRefused(t *testing.T) {
	for want, edit := range map[string]func(*envoy.Config){
		"ListenAddress: not an IP":            func(c *envoy.Config) { c.ListenAddress = "localhost" },
		"ListenAddress: lies beyond loopback": func(c *envoy.Config) { c.ListenAddress = "0.0.0.0" },
		"AdminAddress: not an IP":             func(c *envoy.Config) { c.AdminAddress = "" },
		"AdminAddress: whoever reaches it":    func(c *envoy.Config) { c.AdminAddress = "192.0.2.1" },
		"Guard: neither host:port nor unix":   func(c *envoy.Config) { c.Guard = "127.0.0.1" },
		"Guard: unix: wants an absolute":      func(c *envoy.Config) { c.Guard = "unix:guard.sock" },
		"Backend: wants a host and a port":    func(c *envoy.Config) { c.Backend = ":9003" },
		"Backend: wants a host and a port f":  func(c *envoy.Config) { c.Backend = "127.0.0.1:0" },
		"Backend: wants a host and a port fr": func(c *envoy.Config) { c.Backend = "127.0.0.1:65536" },
		"Guards[0]: wants a host and a port":  func(c *envoy.Config) { c.Guards = []string{"127.0.0.1:0"} },
		"Guards: names and Unix sockets":      func(c *envoy.Config) { c.Guards = []string{"unix:/run/guard.sock", "guard:9002"} },
		"Version: wants 1.36":                 func(c *envoy.Config) { c.Version = "1.35.9" },
		"Version: wants 1.36 or":              func(c *envoy.Config) { c.Version = "newest" },
		"SecretsDirectory: not an absolute":   func(c *envoy.Config) { c.SecretsDirectory = "secrets" },
		"GuardTLS: CertificateFile, KeyFile": func(c *envoy.Config) {
			c.GuardTLS = &envoy.ClientTLS{CertificateFile: "/a", KeyFile: "/b", CAFile: "c"}
		},
		"GuardTLS: ServerSAN wants": func(c *envoy.Config) {
			c.GuardTLS = &envoy.ClientTLS{CertificateFile: "/a", KeyFile: "/b", CAFile: "/c", ServerSAN: "guard.example.com"}
		},
		"BackendTLS: ServerSAN wants": func(c *envoy.Config) {
			c.BackendTLS = &envoy.ClientTLS{CertificateFile: "/a", KeyFile: "/b", CAFile: "/c", ServerSAN: "dns:"}
		},
		"CORS.Origins: wants scheme":       func(c *envoy.Config) { c.CORS.Origins = []string{"https://app.example.com/"} },
		"CORS.Origins: wants scheme and":   func(c *envoy.Config) { c.CORS.Origins = []string{"*"} },
		"CORS.Origins: wants scheme and h": func(c *envoy.Config) { c.CORS.Origins = []string{"https://App.example.com"} },
		"FrontDoor: wants the issuer": func(c *envoy.Config) {
			c.FrontDoor = &envoy.FrontDoor{Issuer: "https://issuer.example.com", JWKSFile: "/jwks.json"}
		},
		"FrontDoor.JWKSFile: not an": func(c *envoy.Config) {
			c.FrontDoor = &envoy.FrontDoor{Issuer: "i", Audiences: []string{"a"}, JWKSFile: "jwks.json"}
		},
		"Target.Server: wants https": func(c *envoy.Config) {
			c.Target = &envoy.Target{Server: "http://api.example.com", CertificateAuthorityData: "QQ=="}
		},
		"Target.CertificateAuthorityData": func(c *envoy.Config) {
			c.Target = &envoy.Target{Server: "https://api.example.com", CertificateAuthorityData: "Q!"}
		},
		"AccessLog: not an absolute path":   func(c *envoy.Config) { c.AccessLog = "access.log" },
		"TLS.CertificateFile: not an":       func(c *envoy.Config) { c.TLS = &envoy.TLS{CertificateFile: "", KeyFile: "/key.pem"} },
		"TLS.KeyFile: not an absolute path": func(c *envoy.Config) { c.TLS = &envoy.TLS{CertificateFile: "/tls.pem", KeyFile: "key.pem"} },
	} {
		t.Run(want, func(t *testing.T) {
			c := envoy.Default()
			edit(&c)
			out, err := envoy.Render(c)
			require.ErrorContains(t, err, want)
			require.Nil(t, out)
		})
	}
}
