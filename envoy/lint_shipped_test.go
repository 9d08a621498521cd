package envoy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

// TestShippedKeepsEveryRule: a linter that cries wolf is switched off.
func TestShippedKeepsEveryRule(t *testing.T) {
	certificate, key := pair(t)
	link := &envoy.ClientTLS{CertificateFile: certificate, KeyFile: key, CAFile: certificate, ServerSAN: "dns:guard.example.com"}
	far := func(c *envoy.Config) {
		c.Guard, c.Backend = "guard.example.com:9002", "backend.example.com:9003"
		c.GuardTLS, c.BackendTLS = link, &envoy.ClientTLS{CertificateFile: certificate, KeyFile: key, CAFile: certificate, ServerSAN: "uri:spiffe://example.com/backend"}
		c.ListenAddress, c.TLS = "0.0.0.0", &envoy.TLS{CertificateFile: certificate, KeyFile: key}
	}
	for name, edit := range map[string]func(*envoy.Config){
		"mutual TLS":             far,
		"mutual TLS that renews": func(c *envoy.Config) { far(c); c.SecretsDirectory = "/secrets" },
		"three guards":           func(c *envoy.Config) { c.Guards = []string{"127.0.0.1:9012", "127.0.0.1:9022"} },
		"pages in browsers":      func(c *envoy.Config) { c.CORS.Origins = []string{"https://app.example.com"} },
		"a front door": func(c *envoy.Config) {
			c.FrontDoor = &envoy.FrontDoor{Issuer: "https://issuer.example.com", Audiences: []string{"mcp"}, JWKSFile: "/jwks.json"}
		},
		"one cluster": func(c *envoy.Config) {
			c.Target = &envoy.Target{Server: "https://api.example.com:6443", CertificateAuthorityData: "QUFBQQ=="}
		},
	} {
		t.Run(name, func(t *testing.T) {
			config := render(t, edit)
			require.Empty(t, envoy.Lint([]byte(config)))
			require.Empty(t, envoy.Lint([]byte(dumpOf(t, config))))
		})
	}
}

// unheardOf are the rules that an older Envoy cannot keep.
func unheardOf(path string) []string {
	if strings.HasSuffix(path, "envoy-1.36.yaml") {
		return []string{"admin-paths", "header-limits"}
	}
	return nil
}

// TestCommittedFilesKeepEveryRule finds what is rendered into files.
func TestCommittedFilesKeepEveryRule(t *testing.T) {
	judged := 0
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if entry.IsDir() && entry.Name() == "testdata" {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return nil
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		found, err := envoy.Check(text)
		if err != nil { // no configuration of Envoy
			require.NotContains(t, string(text), "ext_proc", path)
			return nil
		}
		judged++
		var rules []string
		for _, f := range found {
			rules = append(rules, f.Rule)
		}
		require.Equal(t, unheardOf(path), rules, path)
		return nil
	}))
	require.NotZero(t, judged)
}
