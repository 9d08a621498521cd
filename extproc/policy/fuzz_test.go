package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/trial"
)

// plainFile is the file as a plain user of the YAML library would read it.
type plainFile struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Hosts      struct {
		Exact     []string `yaml:"exact"`
		Suffixes  []string `yaml:"suffixes"`
		AnyPublic bool     `yaml:"anyPublic"`
	} `yaml:"hosts"`
	Networks []struct {
		CIDR  string   `yaml:"cidr"`
		Ports []uint16 `yaml:"ports"`
	} `yaml:"networks"`
	Ports            []uint16 `yaml:"ports"`
	InsecureHosts    []string `yaml:"insecureHosts"`
	PathPrefixes     []string `yaml:"pathPrefixes"`
	Credentials      string   `yaml:"credentials"`
	CredentialKinds  []string `yaml:"credentialKinds"`
	TLSServerName    string   `yaml:"tlsServerName"`
	PublicRootsFile  string   `yaml:"publicRootsFile"`
	PlaintextIngress string   `yaml:"plaintextIngress"`
	Origins          []string `yaml:"origins"`
	Access           struct {
		Allow []plainRule `yaml:"allow"`
		Deny  []plainRule `yaml:"deny"`
	} `yaml:"access"`
	Report []string `yaml:"report"`
	Logs   struct {
		Hosts string `yaml:"hosts"`
	} `yaml:"logs"`
	Limits struct {
		Guard   plainLimits `yaml:"guard"`
		Backend plainLimits `yaml:"backend"`
	} `yaml:"limits"`
}

// plainRule is one of the rules of access.
type plainRule struct {
	Groups     []string `yaml:"groups"`
	Versions   []string `yaml:"versions"`
	Kinds      []string `yaml:"kinds"`
	Namespaces []string `yaml:"namespaces"`
	Verbs      []string `yaml:"verbs"`
}

func rules(list []plainRule) []access.Rule {
	out := make([]access.Rule, len(list))
	for i, r := range list {
		out[i] = access.Rule(r)
	}
	return out
}

// plainLimits are those of either program.
type plainLimits struct {
	Streams              *int           `yaml:"streams"`
	MessageBytes         *int           `yaml:"messageBytes"`
	PendingRejections    *int           `yaml:"pendingRejections"`
	BodyTimeout          *time.Duration `yaml:"bodyTimeout"`
	CacheEntries         *int           `yaml:"cacheEntries"`
	CacheBytes           *int           `yaml:"cacheBytes"`
	CallsPerCaller       *int           `yaml:"callsPerCaller"`
	Calls                *int           `yaml:"calls"`
	CallsPerSecond       *int           `yaml:"callsPerSecond"`
	NewcomersPerSecond   *int           `yaml:"newcomersPerSecond"`
	ServerCallsPerSecond *int           `yaml:"serverCallsPerSecond"`
	ServerRequests       *int           `yaml:"serverRequests"`
	CallTimeout          *time.Duration `yaml:"callTimeout"`
	ProofEntries         *int           `yaml:"proofEntries"`
	ProofBytes           *int           `yaml:"proofBytes"`
	Clients              *int           `yaml:"clients"`
	ClientBytes          *int           `yaml:"clientBytes"`
	ClientIdle           *time.Duration `yaml:"clientIdle"`
	ClientAge            *time.Duration `yaml:"clientAge"`
	ConnectionAge        *time.Duration `yaml:"connectionAge"`
	Drain                *time.Duration `yaml:"drain"`
}

// set takes over each field of the same name that was given.
func set[T any](limits *T, given plainLimits) {
	to, from := reflect.ValueOf(limits).Elem(), reflect.ValueOf(given)
	for i := range to.NumField() {
		if value := from.FieldByName(to.Type().Field(i).Name); !value.IsNil() {
			to.Field(i).Set(value.Elem())
		}
	}
}

// policy is what the file means, by another way than the reader's.
func (f plainFile) policy(t *testing.T) *Policy {
	t.Helper()
	c := hostpolicy.Config{Hosts: f.Hosts.Exact, Suffixes: f.Hosts.Suffixes, AnyPublic: f.Hosts.AnyPublic, Ports: f.Ports}
	for _, n := range f.Networks {
		c.Networks = append(c.Networks, hostpolicy.Network{Prefix: netip.MustParsePrefix(n.CIDR), Ports: n.Ports})
	}
	report := make([]kubeheader.Reason, 0, len(f.Report))
	for _, code := range f.Report {
		r, _ := kubeheader.ParseReason(code)
		report = append(report, r)
	}
	c.ReportHosts = slices.Contains(f.Report, "host-not-allowed")
	c.ReportPorts = slices.Contains(f.Report, "port-not-allowed")
	hosts, err := hostpolicy.New(c)
	require.NoError(t, err)
	has := func(kind string) bool {
		return f.CredentialKinds == nil || strings.Contains(strings.Join(f.CredentialKinds, " "), kind)
	}
	limits := standardLimits()
	set(&limits.Guard, f.Limits.Guard)
	set(&limits.Backend, f.Limits.Backend)
	form := map[string]HostForm{"": HostPlain, "plain": HostPlain, "hashed": HostHashed, "omitted": HostOmitted}[f.Logs.Hosts]
	judge, err := access.New(access.Config{Allow: rules(f.Access.Allow), Deny: rules(f.Access.Deny)})
	require.NoError(t, err)
	return &Policy{Access: judge, Limits: limits, Origins: f.Origins, LogHosts: form, Header: kubeheader.Policy{
		Hosts: hosts, InsecureHosts: f.InsecureHosts, PathPrefixes: f.PathPrefixes,
		CredentialsOptional: f.Credentials == optional, AllowToken: has(token), AllowClientCertificate: has(clientCertificate),
		AllowTLSServerName: f.TLSServerName != forbid, AllowPlaintext: f.PlaintextIngress == allow,
		PublicRoots: f.PublicRootsFile != "", Report: report,
	}}
}

// FuzzPolicyFile: no file panics the reader; what it refuses it explains line by
// line; and what it accepts is one document without an unknown key that a strict
// reader of another make takes to mean the same, and the schema finds nothing in.
func FuzzPolicyFile(f *testing.F) {
	_, roots := root(f, 1)
	open := func(name string) ([]byte, error) {
		if name != "/roots.pem" {
			return nil, errors.New("there is no such file")
		}
		return roots, nil
	}
	validate := validator(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 4<<10 {
			return
		}
		var p *Policy
		var err error
		trial.Within(t, func() { p, err = read("policy", file, open) })
		again, errAgain := read("policy", file, open)
		if err != nil {
			require.Nil(t, p)
			require.EqualError(t, errAgain, err.Error())
			for line := range strings.SplitSeq(err.Error(), "\n") {
				require.Regexp(t, `^policy:[1-9][0-9]*: .+; \S`, line, "wants file:line, what is wrong, and the next step")
			}
			return
		}
		require.Equal(t, p.Header, again.Header)
		digestOf(t, file, roots, p)
		require.NoError(t, validate(file), "the schema is stricter than the reader")
		require.Equal(t, p.Header.Hosts.Empty() && !slices.Contains(p.Header.Report, kubeheader.ReasonHostNotAllowed), len(p.Warnings()) > 0 && strings.HasPrefix(p.Warnings()[0], "no host is allowed"))

		dec := yaml.NewDecoder(bytes.NewReader(file))
		dec.KnownFields(true)
		var plain plainFile
		require.NoError(t, dec.Decode(&plain), "a strict reader refuses what was accepted")
		require.ErrorIs(t, dec.Decode(new(any)), io.EOF, "a second document")
		require.Equal(t, apiVersion, plain.APIVersion)
		require.Equal(t, kind, plain.Kind)
		want := plain.policy(t)
		require.Equal(t, want.Limits, p.Limits)
		require.Equal(t, want.LogHosts, p.LogHosts)
		require.Equal(t, want.Access, p.Access)
		if diff := cmp.Diff(want.Header, p.Header, cmp.Exporter(func(x reflect.Type) bool { return x.PkgPath() == "kubernetes-mcp-edge/extproc/hostpolicy" }),
			cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
			cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("another reader sees another policy (-plain +read)\n%s", diff)
		}
	})
}

func digestOf(t *testing.T, file, roots []byte, p *Policy) {
	t.Helper()
	whole := file
	if p.PublicRoots != nil {
		whole = bytes.Join([][]byte{file, roots}, []byte{0})
	}
	sum := sha256.Sum256(whole)
	require.Equal(t, hex.EncodeToString(sum[:]), p.Digest)
}

// TestCorpus: a target without seeds, or with none that is accepted, would test
// little and pass.
func TestCorpus(t *testing.T) {
	accepted := 0
	for _, seed := range trial.Corpus(t, "FuzzPolicyFile") {
		if _, err := Parse([]byte(seed.Values[0])); err == nil {
			accepted++
		}
	}
	require.Greater(t, accepted, 3)
}
