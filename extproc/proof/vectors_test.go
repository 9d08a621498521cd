package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The key test-key-ed25519 of RFC 9421, B.1.4.
const (
	rfc9421Private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"
	rfc9421Public  = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"
)

// TestRFC9421B26 builds the signature base of RFC 9421, B.2.6 with the builder
// that Seal and Open use and signs it with the RFC's key: Ed25519 is
// deterministic, so the signature must be the RFC's own.
func TestRFC9421B26(t *testing.T) {
	keys, err := DecodeSigningKeys([]byte(rfc9421Private))
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Equal(t, rfc9421Public, base64.RawURLEncoding.EncodeToString(keys[0].Public()))

	covered := []component{
		{"date", []byte("Tue, 20 Apr 2021 02:07:55 GMT")},
		{"@method", []byte("POST")},
		{"@path", []byte("/foo")},
		{"@authority", []byte("example.com")},
		{"content-type", []byte("application/json")},
		{"content-length", []byte("18")},
	}
	params := string(appendList(nil, covered)) + `;created=1618884473;keyid="test-key-ed25519"`
	base := signatureBase(covered, []byte(params))
	require.Equal(t, strings.Join([]string{
		`"date": Tue, 20 Apr 2021 02:07:55 GMT`,
		`"@method": POST`,
		`"@path": /foo`,
		`"@authority": example.com`,
		`"content-type": application/json`,
		`"content-length": 18`,
		`"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
	}, "\n"), string(base))

	const signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
	require.Equal(t, "kube=:"+signature+":", signatureField(keys[0].sign(base)))
	raw, ok := readSignature([]byte("kube=:" + signature + ":"))
	require.True(t, ok)
	require.True(t, ed25519.Verify(keys[0].Public(), base, raw))
}

// TestRFC8037A3 is the thumbprint of RFC 8037, A.3 (an RFC 7638 thumbprint of
// an Ed25519 key).
func TestRFC8037A3(t *testing.T) {
	public, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	require.NoError(t, err)
	require.Equal(t, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", thumbprint(public))
}

// TestProfile pins the wire format: a change breaks rolling upgrades, and wants
// another version in the tag.
func TestProfile(t *testing.T) {
	tag, err := tagFor(audience)
	require.NoError(t, err)
	covered := []component{{"x-kubernetes-fingerprint", []byte("anonymous")}, {"kubernetes-server", []byte("https://api.example.com")}}
	params := parameters{created: 1769860800, expires: 1769860830, keyID: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
	require.Equal(t, `kube=("x-kubernetes-fingerprint" "kubernetes-server")`+
		`;created=1769860800;expires=1769860830;keyid="kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"`+
		`;alg="ed25519";tag="kubernetes-mcp-edge/1/kubernetes-mcp"`, string(appendMember(nil, covered, params, tag)))
	require.Equal(t, 30*time.Second, Lifetime)
	require.Equal(t, 5*time.Second, Skew)
	require.LessOrEqual(t, len(newSlots()), maxSlots)
}

// TestFingerprintKey pins the derivation: replicas of different versions must
// agree on the fingerprint of a caller.
func TestFingerprintKey(t *testing.T) {
	keys, err := DecodeSigningKeys([]byte(rfc9421Private))
	require.NoError(t, err)
	require.Equal(t, "SgE87GQrFBkKJSbEkpiRoWT68SrKu-6yVS0BWT5aERk", base64.RawURLEncoding.EncodeToString(keys[0].fingerprintKey))
}

func TestAudience(t *testing.T) {
	for _, good := range []string{"a", "kubernetes-mcp", "mcp.example.com", "https://mcp.example.com:8443/x", strings.Repeat("a", 64)} {
		_, err := tagFor(good)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{"", `a"b`, `a\b`, "a b", "a\n", "ä", strings.Repeat("a", 65)} {
		_, err := NewSigner(nil, bad)
		require.Error(t, err, bad)
		_, err = NewVerifier(nil, bad, nil, Limits{})
		require.Error(t, err, bad)
	}
}
