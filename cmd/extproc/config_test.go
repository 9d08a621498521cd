package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// canary is a token that nothing may print.
const canary = "c4nary-Tweety-0815"

// TestConfigScripts runs the commands below config. A file NAME.headers of a
// script may say CA, CERTIFICATE, KEY and CANARY, which are filled in.
func TestConfigScripts(t *testing.T) {
	certificate, key := newPair(t)
	fill := strings.NewReplacer("CERTIFICATE", certificate, "CANARY", canary, "KEY", key, "CA", certificate)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/config",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			files, err := os.ReadDir(env.WorkDir)
			if err != nil {
				return err
			}
			for _, f := range files {
				if !strings.HasSuffix(f.Name(), ".headers") {
					continue
				}
				path := env.WorkDir + "/" + f.Name()
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				if err := os.WriteFile(path, []byte(fill.Replace(string(text))), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"nosecret": func(ts *testscript.TestScript, _ bool, _ []string) { noSecret(ts, canary, certificate, key) },
		},
	})
}

// noSecret fails if the last command printed a credential: nosecret.
func noSecret(ts *testscript.TestScript, secrets ...string) {
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	for _, secret := range secrets {
		for _, form := range []string{secret, secret[:16], base64.StdEncoding.EncodeToString([]byte(secret))[:20]} {
			if strings.Contains(said, form) {
				ts.Fatalf("a credential was printed:\n%s", said)
			}
		}
	}
}

// newPair makes a certificate that can be a CA and a client, and its key.
func newPair(t *testing.T) (certificate, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	encode := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)
}
