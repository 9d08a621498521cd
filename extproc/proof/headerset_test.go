package proof

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// TestAdded: a header that was not covered is refused and named, whether the
// set without it is in the cache or not.
func TestAdded(t *testing.T) {
	l := newLink(t)
	for _, warm := range []bool{false, true} {
		sent := l.sealed(t, "token", noon)
		if warm {
			l.accepted(t, sent, noon)
		}
		for name, header := range map[string]string{
			kubeheader.InsecureSkipTLSVerify: kubeheader.InsecureSkipTLSVerify,
			kubeheader.ClientCertificate:     kubeheader.ClientCertificate,
			"Kubernetes-Client-Key-Data":     kubeheader.ClientKey,
			"kubernetes-impersonate":         kubeheader.AnyHeader,
			"kubernetes":                     kubeheader.AnyHeader,
			"kubernetes_":                    kubeheader.AnyHeader,
			"KUBERNETESX":                    kubeheader.AnyHeader,
			"kubernetes_client_key_data":     kubeheader.ClientKey,
		} {
			l.refused(t, append(fields(name, "true"), sent...), noon, kubeheader.ReasonProofInvalid, header)
			l.refused(t, append(slices.Clone(sent), fields(name, "true")...), noon, kubeheader.ReasonProofInvalid, header)
		}
		l.accepted(t, sent, noon)
	}
	// Anonymous with a credential added is not a token call.
	sent := l.sealed(t, "anonymous", noon)
	l.refused(t, append(sent, l.callers["token"]...), noon, kubeheader.ReasonProofInvalid, kubeheader.Server)
}

// TestForeignFieldsAreIgnored: what cannot be taken for ours is not looked at.
func TestForeignFieldsAreIgnored(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	l.accepted(t, append(sent, fields("host", "example.com", "x-kubernetes", "x", "signature-agent", "x", "", "")...), noon)
}

func TestDropped(t *testing.T) {
	l := newLink(t)
	for caller, canonical := range l.callers {
		sent := l.sealed(t, caller, noon)
		l.accepted(t, sent, noon)
		for _, f := range canonical {
			l.refused(t, without(sent, f.Name), noon, kubeheader.ReasonProofInvalid, "")
		}
	}
}

func TestDuplicated(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	for _, f := range sent {
		for _, spelling := range []string{f.Name, strings.ToUpper(f.Name)} {
			double := fields(spelling, string(f.Value.Reveal()))
			l.refused(t, append(slices.Clone(sent), double...), noon, kubeheader.ReasonProofInvalid, f.Name)
			l.refused(t, append(double, sent...), noon, kubeheader.ReasonProofInvalid, f.Name)
		}
	}
}

// TestUnderscore: a name with an underscore is another name to some readers and
// the same to others; it is refused beside the real one and instead of it.
func TestUnderscore(t *testing.T) {
	l := newLink(t)
	sent := l.sealed(t, "token", noon)
	l.accepted(t, sent, noon)
	for _, f := range sent {
		if !strings.Contains(f.Name, "-") {
			continue // signature
		}
		spelled := fields(strings.Replace(f.Name, "-", "_", 1), string(f.Value.Reveal()))
		l.refused(t, append(slices.Clone(sent), spelled...), noon, kubeheader.ReasonProofInvalid, f.Name)
		reason, header := kubeheader.ReasonProofInvalid, f.Name
		if f.Name == kubeheader.SignatureInput {
			reason, header = kubeheader.ReasonProofMissing, ""
		}
		l.refused(t, append(without(sent, f.Name), spelled...), noon, reason, header)
	}
}

// TestReordered: the edge signs components in contract order, and that is the
// only order there is, whatever the key.
func TestReordered(t *testing.T) {
	l := newLink(t)
	for i := range 3 {
		sent := l.resign(t, func(input string, covered []component) (string, []component) {
			swapped := slices.Clone(covered)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			return strings.Replace(input, string(appendList(nil, covered)), string(appendList(nil, swapped)), 1), swapped
		})
		l.refused(t, sent, noon, kubeheader.ReasonProofInvalid, "")
	}
	// The order in which header lines arrive means nothing.
	sent := l.sealed(t, "token", noon)
	slices.Reverse(sent)
	l.accepted(t, sent, noon)
}

// TestCoversLess: a component that the signature leaves out cannot come along.
func TestCoversLess(t *testing.T) {
	l := newLink(t)
	for i := range 4 {
		var left string
		sent := l.resign(t, func(input string, covered []component) (string, []component) {
			left = covered[i].name
			fewer := slices.Delete(slices.Clone(covered), i, i+1)
			return strings.Replace(input, string(appendList(nil, covered)), string(appendList(nil, fewer)), 1), fewer
		})
		l.refused(t, sent, noon, kubeheader.ReasonProofInvalid, left)
	}
}

// TestLineBreaks: no value can hold another component's line.
func TestLineBreaks(t *testing.T) {
	l := newLink(t)
	sent := l.resign(t, func(input string, covered []component) (string, []component) {
		for i := range covered {
			if covered[i].name == kubeheader.Namespace {
				covered[i].value = []byte("team-a\nx")
			}
		}
		return input, covered
	})
	l.refused(t, with(sent, kubeheader.Namespace, "team-a\nx"), noon, kubeheader.ReasonProofInvalid, "")
}

// TestOwnPolicy: what the edge let through still has to pass the backend's
// policy, cached or not, and a change takes effect at once.
func TestOwnPolicy(t *testing.T) {
	l := newLink(t)
	sent, anonymous := l.sealed(t, "token", noon), l.sealed(t, "anonymous", noon)
	l.accepted(t, sent, noon)
	l.accepted(t, anonymous, noon)

	stricter := *l.policy
	stricter.AllowTLSServerName, stricter.CredentialsOptional = false, false
	l.policy = &stricter
	for range 2 {
		verified, err := l.verifier.Open(sent, noon)
		var rejection *kubeheader.Rejection
		require.ErrorAs(t, err, &rejection)
		require.Equal(t, kubeheader.ReasonTLSServerNameNotAllowed, rejection.Reason())
		require.False(t, verified.Valid())
		_, err = l.verifier.Open(anonymous, noon)
		require.ErrorAs(t, err, &rejection)
	}
}

// TestClassify: any spelling with other case or underscores is seen as the name
// that it reads as, and nothing else is.
func TestClassify(t *testing.T) {
	names := newSlots()
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.IntRange(0, len(names)-1).Draw(t, "place")
		spelled := []byte(names[place])
		underscore := false
		for i, c := range spelled {
			switch {
			case c == '-' && rapid.Bool().Draw(t, "underscore"):
				spelled[i], underscore = '_', true
			case c != '-' && rapid.Bool().Draw(t, "upper"):
				spelled[i] = c - 'a' + 'A'
			}
		}
		got, exact := classify(string(spelled), names)
		require.Equal(t, place, got)
		require.Equal(t, !underscore, exact)
		require.True(t, Relevant(string(spelled)))

		got, _ = classify(string(spelled)+"x", names)
		require.Negative(t, got)
	})
	for _, ours := range []string{
		"x_kubernetes_fingerprint", "x-kubernetes_fingerprint", "x_kubernetes-fingerprint", "signature_input", "kubernetes_server", "kubernetes_", "kubernetes",
	} {
		require.True(t, Relevant(ours), ours)
		require.True(t, Relevant(strings.ToUpper(ours)), ours)
	}
	for _, foreign := range []string{"", "k", "host", "kubernete", "signatur", "signature-inpu", "signature-agent", "\u212aubernetes-server", "x-request-id"} {
		require.False(t, Relevant(foreign), foreign)
	}
}
