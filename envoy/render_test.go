package envoy_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

var update = flag.Bool("update", false, "write the rendered files")

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

// TestDrift keeps the committed file, which people read and use, equal to what
// the source renders.
func TestDrift(t *testing.T) {
	want := render(t, nil)
	if *update {
		require.NoError(t, os.WriteFile("bootstrap.yaml", []byte(want), 0o600))
	}
	got, err := os.ReadFile("bootstrap.yaml")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(want, string(got)), "run go test ./envoy -run TestDrift -update")
}

// variants are the configurations that parameters can make.
func variants(t *testing.T) map[string]string {
	t.Helper()
	certificate, key := pair(t)
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
		"log in a file":  render(t, func(c *envoy.Config) { c.AccessLog = filepath.Join(t.TempDir(), "access: \"log\".json") }),
	}
}

func TestVariantsKeepEveryRule(t *testing.T) {
	for name, config := range variants(t) {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, slices.DeleteFunc(envoy.Lint([]byte(config)), func(f envoy.Finding) bool {
				return name == "names" && f.Rule == "upstream-tls" // names lie beyond loopback, in the clear
			}))
		})
	}
}

// TestEnvoyAccepts asks the real Envoy, which alone knows whether its regular
// expressions compile and its extensions exist.
func TestEnvoyAccepts(t *testing.T) {
	binary := binaryPath(t)
	for name, config := range variants(t) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bootstrap.yaml")
			require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
			out, err := exec.CommandContext(t.Context(), binary, "--mode", "validate", "-c", file).CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "OK")
			require.NotContains(t, string(out), "deprecated", "a deprecated field goes away with some later Envoy")
		})
	}
}

func binaryPath(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("ENVOY")
	if binary == "" {
		binary = filepath.Join("..", ".cache", "envoy", "bin", "envoy")
	}
	_, err := os.Stat(binary)
	require.NoError(t, err, "no Envoy to validate with: run make envoy, or name a binary of version 1.40 in $ENVOY")
	return binary
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
		"AccessLog: not an absolute path":     func(c *envoy.Config) { c.AccessLog = "access.log" },
		"TLS.CertificateFile: not an":         func(c *envoy.Config) { c.TLS = &envoy.TLS{CertificateFile: "", KeyFile: "/key.pem"} },
		"TLS.KeyFile: not an absolute path":   func(c *envoy.Config) { c.TLS = &envoy.TLS{CertificateFile: "/tls.pem", KeyFile: "key.pem"} },
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
