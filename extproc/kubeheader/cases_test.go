package kubeheader

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// A case of testdata/parse is a request above the line "=> accepted" or
// "=> rejected", and below it the headers that are sent on or the problems, one
// "reason header" a line. testdata/parse/README.md explains the short forms.
type parseCase struct {
	name     string
	policy   *Policy
	request  Request
	accepted bool
	want     []string
}

// usual are the headers that the line "usual" stands for.
var usual = []string{
	Server + ": https://api.example.com:6443",
	CertificateAuthority + ": @ca",
	Authorization + ": Bearer abc.def",
}

func loadCases(tb testing.TB) []parseCase {
	tb.Helper()
	files, err := filepath.Glob("testdata/parse/*.txtar")
	require.NoError(tb, err)
	require.NotEmpty(tb, files, "no case file: nothing would be tested")
	var all []parseCase
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(tb, err)
		archive := txtar.Parse(data)
		require.NotEmpty(tb, archive.Files, "%s holds no case", file)
		require.NotEmpty(tb, archive.Comment, "%s does not say what it is about", file)
		for _, f := range archive.Files {
			all = append(all, readCase(tb, strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+f.Name, string(f.Data)))
		}
	}
	return all
}

func readCase(tb testing.TB, name, text string) parseCase {
	tb.Helper()
	above, below, ok := strings.Cut("\n"+text, "\n=> ")
	require.True(tb, ok, "%s has no line that begins with =>", name)
	verdict, below, _ := strings.Cut(below, "\n")
	c := parseCase{name: name, policy: usualPolicy(tb), accepted: verdict == "accepted"}
	require.Contains(tb, []string{"accepted", "rejected"}, verdict, name)
	for _, l := range readLines(above) {
		switch word, rest, _ := strings.Cut(l, " "); word {
		case "plaintext":
			c.request.Plaintext = true
		case "policy":
			setPolicy(tb, c.policy, name, rest)
		default:
			header, value, ok := strings.Cut(l, ":")
			require.True(tb, ok, "%s: not a header: %s", name, l)
			c.request.Fields = append(c.request.Fields, Field{Name: unquote(tb, header), Value: NewSecret([]byte(expand(tb, name, value)))})
		}
	}
	for _, l := range readLines(below) {
		if header, value, ok := strings.Cut(l, ":"); c.accepted && ok {
			l = header + ": " + short(expand(tb, name, value))
		}
		c.want = append(c.want, l)
	}
	return c
}

// readLines drops empty lines and remarks and writes out "usual". A header of
// the usual ones that the case writes itself takes the usual one's place.
func readLines(text string) []string {
	var in, out []string
	taken := map[int]bool{}
	for l := range strings.Lines(text) {
		if l = strings.TrimRight(l, "\n"); l != "" && !strings.HasPrefix(l, "#") {
			in = append(in, l)
		}
	}
	for i, l := range in {
		switch {
		case taken[i] || strings.HasPrefix(l, "without "):
		case l == "usual":
			for _, u := range usual {
				header, _, _ := strings.Cut(u, ":")
				own := slices.IndexFunc(in, func(l string) bool { return strings.HasPrefix(l, header+":") })
				switch {
				case own >= 0:
					taken[own] = true
					out = append(out, in[own])
				case !slices.Contains(in, "without "+header):
					out = append(out, u)
				}
			}
		default:
			out = append(out, l)
		}
	}
	return out
}

// expand reads a value: "quoted" with Go's escapes, @name for material, or as it
// stands, with one space after the colon taken off.
func expand(tb testing.TB, name, value string) string {
	tb.Helper()
	value = strings.TrimPrefix(value, " ")
	if prefix, material1, ok := strings.Cut(value, "@"); ok && (prefix == "" || prefix == "Bearer ") {
		made, known := material(tb)[material1]
		require.True(tb, known, "%s: @%s is not in material_test.go", name, material1)
		return prefix + made
	}
	return unquote(tb, value)
}

func unquote(tb testing.TB, s string) string {
	tb.Helper()
	if !strings.HasPrefix(s, `"`) {
		return s
	}
	out, err := strconv.Unquote(s)
	require.NoError(tb, err)
	return out
}

func setPolicy(tb testing.TB, p *Policy, name, setting string) {
	tb.Helper()
	key, value, _ := strings.Cut(setting, " ")
	switch key {
	case "credentials-optional":
		p.CredentialsOptional = true
	case "no-token":
		p.AllowToken = false
	case "no-client-certificate":
		p.AllowClientCertificate = false
	case "tls-server-name":
		p.AllowTLSServerName = true
	case "plaintext":
		p.AllowPlaintext = true
	case "public-roots":
		p.PublicRoots = true
	case "no-host":
		p.Hosts = nil
	case "insecure-host":
		p.InsecureHosts = append(p.InsecureHosts, value)
	case "path-prefix":
		p.PathPrefixes = append(p.PathPrefixes, value)
	default:
		tb.Fatalf("%s: unknown policy setting %s", name, key)
	}
}

// problems are those of a refusal; none for an acceptance.
func problems(err error) []Problem {
	if rejection, ok := errors.AsType[*Rejection](err); ok {
		return rejection.Problems
	}
	return nil
}

// outcome writes a result the way that cases expect it.
func outcome(c Checked, err error) []string {
	var out []string
	if err != nil {
		for _, p := range problems(err) {
			out = append(out, strings.TrimSpace(p.Reason.String()+" "+p.Header))
		}
		return out
	}
	for _, f := range c.Canonical() {
		out = append(out, f.Name+": "+short(string(f.Value.Reveal())))
	}
	return out
}

// short keeps certificates, keys and long tokens out of the text of a failure.
func short(value string) string {
	if len(value) <= 64 {
		return value
	}
	return fmt.Sprintf("%d bytes, sha256 %x", len(value), sha256.Sum256([]byte(value)))
}

func TestParseCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range loadCases(t) {
		require.False(t, seen[c.name], "two cases are called %s", c.name)
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			checked, err := Parse(c.request, c.policy, noon)
			require.Equal(t, c.accepted, err == nil, "%v", outcome(Checked{}, err))
			require.Equal(t, c.accepted, checked.Valid())
			if diff := cmp.Diff(c.want, outcome(checked, err)); diff != "" {
				t.Error(diff)
			}
			if !c.accepted {
				require.Zero(t, checked.fields)
				require.Nil(t, checked.target)
				return
			}
			again, err := Parse(Request{Fields: checked.Canonical()}, c.policy, noon)
			require.NoError(t, err, "the canonical form is refused")
			require.True(t, again.Equal(checked), "the canonical form is not final")
			require.Equal(t, checked.Until(), again.Until())
		})
	}
}

// Every reason that a request can cause has a case; those of the proof and of
// Envoy's own answers are made elsewhere.
func TestEveryReasonHasACase(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range loadCases(t) {
		for _, l := range c.want {
			reason, _, _ := strings.Cut(l, " ")
			covered[reason] = covered[reason] || !c.accepted
		}
	}
	for _, r := range Reasons() {
		if r < ReasonProofMissing {
			require.True(t, covered[r.String()], "no case in testdata/parse causes %s", r)
		}
	}
}
