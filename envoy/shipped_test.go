package envoy_test

import (
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/envoy"
)

var update = flag.Bool("update", false, "write the rendered files")

// installed is where the shipped configurations look for files.
const installed = "/etc/kubernetes-mcp-edge"

// shipped are the parameters of every bootstrap that is committed, by its path.
// In each, files stand below dir.
func shipped(dir string) map[string]envoy.Config {
	in := func(file string) string { return filepath.Join(dir, file) }
	beyond := func(edit func(*envoy.Config)) envoy.Config {
		c := envoy.Default()
		c.ListenAddress, c.ListenPort = "0.0.0.0", 8443
		c.TLS = &envoy.TLS{CertificateFile: in("listener/tls.crt"), KeyFile: in("listener/tls.key")}
		c.SecretsDirectory = in("secrets")
		edit(&c)
		return c
	}
	link := func(name, san string) *envoy.ClientTLS {
		return &envoy.ClientTLS{CertificateFile: in(name + "/tls.crt"), KeyFile: in(name + "/tls.key"), CAFile: in(name + "/ca.crt"), ServerSAN: san}
	}
	compose := envoy.Compose()
	compose.TLS = &envoy.TLS{CertificateFile: in("listener/tls.crt"), KeyFile: in("listener/tls.key")}
	compose.SecretsDirectory = in("secrets")
	old := envoy.Default()
	old.Version = "1.36.4"
	return map[string]envoy.Config{
		"bootstrap.yaml":           envoy.Default(),
		"rendered/envoy-1.36.yaml": old,
		"compose/envoy.yaml":       compose,
		"rendered/mutual-tls.yaml": beyond(func(c *envoy.Config) {
			c.Guard, c.Guards = "guard-a.example.com:9002", []string{"guard-b.example.com:9002"}
			c.Backend = "backend.example.com:9003"
			c.GuardTLS = link("guard", "dns:guard.example.com")
			c.BackendTLS = link("backend", "uri:spiffe://example.com/kubernetes-mcp-edge/backend")
		}),
		"rendered/browsers.yaml": beyond(func(c *envoy.Config) { c.CORS.Origins = []string{"https://app.example.com"} }),
		"rendered/front-door.yaml": beyond(func(c *envoy.Config) {
			c.FrontDoor = &envoy.FrontDoor{
				Issuer: "https://issuer.example.com", Audiences: []string{"https://mcp.example.com/mcp"}, JWKSFile: in("front-door/jwks.json"),
			}
		}),
		"rendered/one-cluster.yaml": beyond(func(c *envoy.Config) {
			c.Target = &envoy.Target{
				Server:                   "https://api.example.com:6443",
				CertificateAuthorityData: base64.StdEncoding.EncodeToString([]byte("replace this by the PEM of the cluster's CA, in base64\n")),
			}
		}),
	}
}

// shippedFiles are all files that are rendered and committed.
func shippedFiles(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for path, c := range shipped(installed) {
		text, err := envoy.Render(c)
		require.NoError(t, err)
		out[path] = string(text)
		secrets, err := envoy.Secrets(c)
		require.NoError(t, err)
		for name, text := range secrets {
			out[filepath.Join(filepath.Dir(path), "secrets", name)] = string(text)
		}
	}
	compose, err := envoy.RenderCompose()
	require.NoError(t, err)
	out["../compose.yaml"] = string(compose)
	istio, err := envoy.RenderIstio()
	require.NoError(t, err)
	out["istio/guard.yaml"] = string(istio)
	secrets, err := envoy.Secrets(envoy.Istio())
	require.NoError(t, err)
	for name, text := range secrets {
		out[filepath.Join("istio", "secrets", name)] = string(text)
	}
	return out
}

// TestDrift keeps the committed files, which people read and use, equal to what
// the source renders.
func TestDrift(t *testing.T) {
	for path, want := range shippedFiles(t) {
		t.Run(path, func(t *testing.T) {
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
				require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
			}
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, string(got)), "run go test ./envoy -run TestDrift -update")
		})
	}
}

// TestShippedAreAccepted asks the real Envoy, with files in place of those that
// an operator has. What an older Envoy does not know is left out for it.
func TestShippedAreAccepted(t *testing.T) {
	dir := t.TempDir()
	certificate, key := pair(t)
	for _, link := range []struct{ from, to string }{
		{certificate, "listener/tls.crt"}, {key, "listener/tls.key"},
		{certificate, "guard/tls.crt"}, {key, "guard/tls.key"}, {certificate, "guard/ca.crt"},
		{certificate, "backend/tls.crt"}, {key, "backend/tls.key"}, {certificate, "backend/ca.crt"},
	} {
		copied(t, link.from, filepath.Join(dir, link.to))
	}
	jwks := filepath.Join(dir, "front-door/jwks.json")
	require.NoError(t, os.MkdirAll(filepath.Dir(jwks), 0o750))
	require.NoError(t, os.WriteFile(jwks, []byte(publicKeys), 0o600))
	for path, c := range shipped(dir) {
		t.Run(path, func(t *testing.T) {
			if version := binaryVersion(t); c.Version == "" || c.Version > version {
				c.Version = version
			}
			secrets, err := envoy.Secrets(c)
			require.NoError(t, err)
			for name, text := range secrets {
				require.NoError(t, os.MkdirAll(c.SecretsDirectory, 0o750))
				require.NoError(t, os.WriteFile(filepath.Join(c.SecretsDirectory, name), text, 0o600))
			}
			text, err := envoy.Render(c)
			require.NoError(t, err)
			accepts(t, string(text))
		})
	}
}

// publicKeys is a key set of a front door's issuer.
const publicKeys = `{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","kid":"1",` +
	`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`

func copied(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o750))
	require.NoError(t, os.WriteFile(to, text, 0o600))
}

// TestShippedSecretsHoldNone: those files are committed and mounted everywhere.
func TestShippedSecretsHoldNone(t *testing.T) {
	seen := 0
	for path, text := range shippedFiles(t) {
		if strings.Contains(path, "secrets/") {
			seen++
			require.Contains(t, text, "watched_directory: {path: \""+installed)
			require.NotContains(t, text, "inline")
		}
	}
	require.Equal(t, 10, seen)
}

// TestOlderEnvoys: what came later is left out, and only that.
func TestOlderEnvoys(t *testing.T) {
	for version, want := range map[string][2]bool{"1.36.4": {false, false}, "1.37.0": {true, false}, "1.38.3": {true, true}, "1.40.0": {true, true}, "": {true, true}} {
		text := render(t, func(c *envoy.Config) { c.Version = version })
		require.Equal(t, want, [2]bool{strings.Contains(text, "allow_paths:"), strings.Contains(text, "max_header_field_size_kb:")}, version)
	}
}
