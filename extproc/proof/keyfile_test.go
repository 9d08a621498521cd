package proof

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSigningKeysRoundTrip(t *testing.T) {
	first, second := generate(t, time.Time{}), generate(t, noon)
	content, err := EncodeSigningKeys(second, first)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(content), "Activate-At: 2026-01-31T12:00:00Z\n"))
	keys, err := DecodeSigningKeys(content)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.Equal(t, []string{first.ID(), second.ID()}, []string{keys[0].ID(), keys[1].ID()}, "in order of activation")
	require.True(t, keys[0].ActivateAt().IsZero())
	require.Equal(t, noon, keys[1].ActivateAt().UTC())
}

func TestBadSigningKeyFiles(t *testing.T) {
	key, err := EncodeSigningKeys(generate(t, time.Time{}))
	require.NoError(t, err)
	good := string(key)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	require.NoError(t, err)
	withHeader := func(header string) string { return strings.Replace(good, "KEY-----\n", "KEY-----\n"+header+"\n\n", 1) }
	var many strings.Builder
	for range maxKeys + 1 {
		one, err := EncodeSigningKeys(generate(t, time.Time{}))
		require.NoError(t, err)
		many.Write(one)
	}
	for content, want := range map[string]string{
		"":                               "no key in it",
		"  \n":                           "no key in it",
		"hello":                          "and nothing else",
		"hello\n" + good:                 "and nothing else",
		good + "hello":                   "and nothing else",
		good + good:                      "twice",
		many.String():                    "more than 16",
		good[:len(good)/2]:               "and nothing else",
		withHeader("Proc-Type: 4"):       "only PEM header",
		withHeader("activate-at: never"): "only PEM header",
		withHeader("Activate-At: soon"):  "RFC 3339",
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})):    "and nothing else",
		string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})):         "not an Ed25519 key",
		string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: []byte("x")})): "PKCS#8",
		"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n" + good:   "and nothing else",
	} {
		_, err := DecodeSigningKeys([]byte(content))
		require.ErrorContains(t, err, want)
		path := filepath.Join(t.TempDir(), "signing.pem")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err = LoadSigningKeys(path)
		require.ErrorContains(t, err, path)
	}
}

// TestFileMode: a private key that group or others may touch is not used.
func TestFileMode(t *testing.T) {
	l := newLink(t)
	for mode, good := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: os.Geteuid() == 0, 0o440: os.Geteuid() == 0, // see TestPrivateFiles
		0o604: false, 0o620: false, 0o602: false, 0o610: false, 0o601: false, 0o644: false,
	} {
		require.NoError(t, os.Chmod(l.signingFile, mode))
		_, err := LoadSigningKeys(l.signingFile)
		if good {
			require.NoError(t, err, "%o", mode)
			continue
		}
		require.ErrorContains(t, err, "chmod 600", "%o", mode)
		require.ErrorContains(t, err, "fsGroup", "%o", mode)
		_, err = l.signing.Refresh(noon)
		require.ErrorContains(t, err, "chmod 600", "%o", mode)
	}
	// The public set may be open.
	require.NoError(t, os.Chmod(l.keysFile, 0o644))
	_, err := LoadKeySet(l.keysFile)
	require.NoError(t, err)
}

func TestNoKeyAtStart(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	_, err := LoadSigningKeys(absent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "signing keys")
	_, err = LoadKeySet(absent)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "key set")
	_, err = LoadKeySet(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
	huge := filepath.Join(t.TempDir(), "huge")
	require.NoError(t, os.WriteFile(huge, make([]byte, maxKeyFile+1), 0o600))
	_, err = LoadKeySet(huge)
	require.ErrorContains(t, err, "64 KiB")
}

func TestKeySetRoundTrip(t *testing.T) {
	first, second := generate(t, time.Time{}).Public(), generate(t, time.Time{}).Public()
	content, err := EncodeKeySet(first, second)
	require.NoError(t, err)
	keys, err := DecodeKeySet(content)
	require.NoError(t, err)
	require.Equal(t, []ed25519.PublicKey{first, second}, keys)
}

func TestKeySetFiles(t *testing.T) {
	const x, kid = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	key := func(members string) string {
		return fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":%q%s}]}`, x, members)
	}
	for _, good := range []string{
		key(""), key(`,"kid":"` + kid + `"`), key(`,"use":"sig","alg":"EdDSA"`), key(`,"alg":"Ed25519"`),
		key(`,"key_ops":["verify"],"x5t":"a"`), // RFC 7517 (4): unknown members are ignored
	} {
		keys, err := DecodeKeySet([]byte(good))
		require.NoError(t, err, good)
		require.Len(t, keys, 1)
	}
	one := strings.TrimSuffix(strings.TrimPrefix(key(""), `{"keys":[`), `]}`)
	many := make([]string, 0, maxKeys+1)
	for range maxKeys + 1 {
		public := base64.RawURLEncoding.EncodeToString(generate(t, time.Time{}).Public())
		many = append(many, strings.Replace(one, x, public, 1))
	}
	for bad, want := range map[string]string{
		"":                                       "not a JSON Web Key Set",
		"{}":                                     "no key in it",
		`{"keys":[]}`:                            "no key in it",
		`[]`:                                     "not a JSON Web Key Set",
		key("") + "x":                            "not a JSON Web Key Set",
		key(`,"d":"nWGxne_9WmC6hEr0kuwsxE"`):     "public keys",
		key(`,"d":null`):                         "public keys",
		key(`,"kty":"OKP"`):                      "not a JSON Web Key Set", // a member twice
		key(`,"kid":"key-1"`):                    "thumbprint",
		key(`,"use":"enc"`):                      "use sig",
		key(`,"alg":"ES256"`):                    "alg EdDSA",
		strings.Replace(key(""), "OKP", "EC", 1): "kty OKP",
		strings.Replace(key(""), "Ed25519", "X25519", 1):                    "kty OKP",
		strings.Replace(key(""), "kty", "KTY", 1):                           "kty OKP",
		strings.Replace(key(""), x, x[1:], 1):                               "32 bytes",
		strings.Replace(key(""), x, x+"=", 1):                               "32 bytes",
		strings.Replace(key(""), x, x[:42]+"p", 1):                          "32 bytes", // non-zero pad bits
		strings.Replace(key(""), x, x[:20]+`\n`+x[20:], 1):                  "32 bytes",
		`{"keys":[` + one + "," + one + `]}`:                                "twice",
		`{"keys":[` + strings.Join(many, ",") + `]}`:                        "more than 16",
		`{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}]}`: "kty OKP",
	} {
		_, err := DecodeKeySet([]byte(bad))
		require.ErrorContains(t, err, want, bad)
		require.NotContains(t, err.Error(), "nWGxne", "a private member in the text")
	}
}
