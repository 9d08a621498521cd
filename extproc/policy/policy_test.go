package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const head = "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\n"

func mustParse(t *testing.T, body string) *Policy {
	t.Helper()
	p, err := Parse([]byte(head + body))
	require.NoError(t, err)
	return p
}

// TestBadFiles reads testdata/*.txtar: every NAME.yaml must fail with exactly
// the lines of NAME.want. Other files of the archive stand beside it.
func TestBadFiles(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		require.NoError(t, err)
		dir, want, cases := t.TempDir(), map[string]string{}, []string{}
		for _, f := range a.Files {
			name, isWant := strings.CutSuffix(f.Name, ".want")
			if isWant {
				want[name] = string(f.Data)
				continue
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600))
			if name, isCase := strings.CutSuffix(f.Name, ".yaml"); isCase {
				cases = append(cases, name)
			}
		}
		require.Len(t, cases, len(want), "%s: each .yaml wants a .want", archive)
		require.NotEmpty(t, cases, "%s holds no case", archive)
		for _, name := range cases {
			t.Run(filepath.Base(archive)+"/"+name, func(t *testing.T) {
				p, err := Load(filepath.Join(dir, name+".yaml"))
				require.Error(t, err)
				require.Nil(t, p)
				got := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "") + "\n"
				if diff := cmp.Diff(want[name], got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				for line := range strings.Lines(got) {
					require.Regexp(t, `^`+name+`\.yaml:[1-9][0-9]*: .+; \S+`, line, "wants file:line, what is wrong, and the next step")
				}
			})
		}
	}
}

func TestControlBytesAreNotYAML(t *testing.T) {
	// The digest relies on it: a NUL stands between the file and the roots.
	for _, c := range []string{"\x00", "\x1b", "\xff"} {
		_, err := Parse([]byte(head + "# " + c + "\n"))
		require.ErrorContains(t, err, "not YAML", "%q", c)
		require.ErrorContains(t, err, "policy:")
	}
}

func TestDefaults(t *testing.T) {
	p := mustParse(t, "")
	require.True(t, p.Header.Hosts.Empty())
	require.Nil(t, p.PublicRoots)
	want := kubeheader.Policy{AllowToken: true, AllowClientCertificate: true, AllowTLSServerName: true}
	require.Empty(t, cmp.Diff(want, p.Header, cmpopts.IgnoreFields(kubeheader.Policy{}, "Hosts")))
	require.Len(t, p.Warnings(), 1)
	require.Contains(t, p.Warnings()[0], "set hosts.exact, hosts.suffixes, hosts.anyPublic or networks")
}

func TestEveryKeyTakesEffect(t *testing.T) {
	p := mustParse(t, `
hosts: {exact: [api.example.com, 10.1.1.1, "::1"], suffixes: [.example.org], anyPublic: true}
networks: [{cidr: 10.0.0.0/8, ports: [7443, 7444]}, {cidr: "fd00::/8", ports: [6443]}]
ports: [8443]
insecureHosts: [api.example.com]
pathPrefixes: [/k8s/clusters, /]
credentials: optional
credentialKinds: [token]
tlsServerName: forbid
plaintextIngress: allow
`)
	want := kubeheader.Policy{
		InsecureHosts: []string{"api.example.com"}, PathPrefixes: []string{"/k8s/clusters", "/"},
		CredentialsOptional: true, AllowToken: true, AllowPlaintext: true,
	}
	require.Empty(t, cmp.Diff(want, p.Header, cmpopts.IgnoreFields(kubeheader.Policy{}, "Hosts")))
	require.Empty(t, p.Warnings())
	for _, c := range []struct {
		host string
		port uint16
		want hostpolicy.Refusal
	}{
		{"api.example.com", 443, hostpolicy.Allowed},
		{"api.example.com", 8443, hostpolicy.Allowed},
		{"api.example.com", 7444, hostpolicy.Allowed},
		{"a.example.org", 443, hostpolicy.Allowed},
		{"other.example.net", 443, hostpolicy.Allowed},
		{"10.2.2.2", 7443, hostpolicy.Allowed},
		{"10.2.2.2", 6443, hostpolicy.PortNotAllowed},
		{"10.1.1.1", 6443, hostpolicy.Allowed},
		{"::1", 443, hostpolicy.Allowed},
		{"fd00::1", 6443, hostpolicy.Allowed},
		{"192.168.1.1", 443, hostpolicy.AddressNotAllowed},
	} {
		require.Equal(t, c.want, p.Header.Hosts.Host(c.host, c.port), "%s port %d", c.host, c.port)
	}
	p = mustParse(t, "credentialKinds: [client-certificate]\n")
	require.False(t, p.Header.AllowToken)
	require.True(t, p.Header.AllowClientCertificate)
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		body string
		want []string
	}{
		{"hosts: {exact: [api.example.com]}\n", nil},
		{"networks: [{cidr: 10.0.0.0/8, ports: [6443]}]\n", nil},
		{"hosts: {exact: [kubernetes.default.svc, 10.0.0.1, kind-control-plane]}\n", []string{"hosts.exact allows kubernetes.default.svc", "hosts.exact allows kind-control-plane"}},
		{"hosts: {exact: [kubernetes.default.svc]}\nnetworks: [{cidr: 10.96.0.1/32, ports: [443]}]\n", nil},
		{"hosts: {exact: [api.example.com]}\ninsecureHosts: [api.example.com, lab.example.com]\n", []string{"insecureHosts names lab.example.com"}},
		{"insecureHosts: [10.0.0.1]\nnetworks: [{cidr: 10.0.0.0/8, ports: [7443]}]\n", nil},
	} {
		got := mustParse(t, c.body).Warnings()
		require.Len(t, got, len(c.want), "%s", c.body)
		for i := range got {
			require.Contains(t, got[i], c.want[i])
		}
	}
}
