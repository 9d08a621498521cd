package kubeheader

import (
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/trial"
)

// Budgets of a request that no cache knows, a twentieth above what was measured
// with Go 1.26.8: 89, 117, 265 and 382. Most of it is made by encoding/pem and
// crypto/x509, so a new version of Go may ask for another number; a change of
// ours that does has to say why.
func TestAllocsOfParse(t *testing.T) {
	m, p := material(t), usualPolicy(t)
	server, ca := Server+": https://api.example.com:6443", CertificateAuthority+": "+m["ca"]
	for name, c := range map[string]struct {
		fields []Field
		budget trial.Budget
	}{
		// Three quarters are the one certificate of the CA.
		"token": {lines(server, ca, Authorization+": Bearer abc.def"), trial.Budget{Plain: 95, Race: 105}},
		// Two JSON objects more.
		"jwt": {lines(server, ca, Authorization+": Bearer "+m["jwt"]), trial.Budget{Plain: 125, Race: 137}},
		// A second certificate, the key's structure, and the key by crypto/x509.
		"p256": {lines(server, ca, ClientCertificate+": "+m["p256"], ClientKey+": "+m["p256.key"]), trial.Budget{Plain: 280, Race: 305}},
		// The same with the numbers of an RSA key, which are checked against each other.
		"rsa2048": {lines(server, ca, ClientCertificate+": "+m["rsa2048"], ClientKey+": "+m["rsa2048.key"]), trial.Budget{Plain: 402, Race: 430}},
	} {
		t.Run(name, func(t *testing.T) {
			trial.Allocs(t, c.budget, func() {
				_, err := Parse(Request{Fields: c.fields}, p, noon)
				require.NoError(t, err)
			})
		})
	}
}

// A flood of refusals costs little, 22 for nine problems: nothing is parsed that
// cannot be right, and the sentences are the only strings made.
func TestAllocsOfRefusal(t *testing.T) {
	p := usualPolicy(t)
	fields := lines(Server+": http://alice@a:0/..?#", CertificateAuthority+": ${CA}", Authorization+": Bearer", Namespace+": A", "kubernetes-foo: bar")
	trial.Allocs(t, trial.Budget{Plain: 24, Race: 24}, func() {
		_, err := Parse(Request{Fields: fields}, p, noon)
		require.Error(t, err)
	})
}
