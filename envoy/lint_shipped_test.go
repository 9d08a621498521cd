package envoy_test

import (
	"errors"
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
		version := ""
		if filepath.Base(path) == "envoy-1.36.yaml" {
			version = "1.36.4"
		}
		found, err := envoy.Check(text, version)
		if errors.Is(err, envoy.ErrUnreadable) { // no configuration of Envoy
			require.NotContains(t, string(text), "ext_proc", path)
		} else {
			judged++
		}
		require.Empty(t, found, path)
		return nil
	}))
	require.NotZero(t, judged)
}

// TestOldEnvoysAreNotAskedForMore: what an Envoy cannot do is not missing, if it
// is told or tells its version.
func TestOldEnvoysAreNotAskedForMore(t *testing.T) {
	config := render(t, func(c *envoy.Config) { c.Version = "1.36.4" })
	dump := strings.Replace(dumpOf(t, config), `"bootstrap":{`, `"bootstrap":{"node":{"user_agent_build_version":{"version":{"major_number":1,"minor_number":MINOR}}},`, 1)
	for version, want := range map[string][]string{
		"1.36.4": nil, "1.37.0": {"admin-paths"}, "1.40.0": {"admin-paths", "header-limits"}, "": {"admin-paths", "header-limits"},
	} {
		var fromFile, fromDump []string //nolint:prealloc // nil is expected of none
		found, err := envoy.Check([]byte(config), version)
		require.NoError(t, err)
		for _, f := range found {
			fromFile = append(fromFile, f.Rule)
		}
		require.Equal(t, want, fromFile, version)
		if version == "" {
			continue
		}
		for _, f := range envoy.Lint([]byte(strings.Replace(dump, "MINOR", strings.Split(version, ".")[1], 1))) {
			fromDump = append(fromDump, f.Rule)
		}
		require.Equal(t, want, fromDump, version)
	}
}
