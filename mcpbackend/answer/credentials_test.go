package answer

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedactText(t *testing.T) {
	pem := "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"
	for in, want := range map[string]string{
		"join --token abcdef.0123456789abcdef now":                                                "join --token [redacted] now",
		"Bearer eyJhbGciOiJub25l.eyJzdWIiOiJhbGlj.c2ln!":                                          "Bearer [redacted]!",
		"a\n" + pem + "\nb":                                                                       "a\n[redacted]\nb",
		"-----BEGIN PRIVATE KEY-----\nAAAA":                                                       "[redacted]",
		"BBBB\n" + pem[len("-----BEGIN EC PRIVATE KEY-----\n"):] + "\nb":                          "[redacted]\nb",
		"CCCC\nno end of -----END CERTIFICATE-----":                                               "CCCC\nno end of -----END CERTIFICATE-----",
		"-----BEGIN CERTIFICATE-----\nAAAA":                                                       "-----BEGIN CERTIFICATE-----\nAAAA",
		"abcdef.0123456789abcde abcdefg.0123456789abcdef":                                         "abcdef.0123456789abcde abcdefg.0123456789abcdef",
		"web.example.com 10.0.0.1:6443 sha256:0123456789abcdef0123":                               "web.example.com 10.0.0.1:6443 sha256:0123456789abcdef0123",
		"key: " + base64.StdEncoding.EncodeToString([]byte(pem)):                                  "key: [redacted]",
		"cert: " + base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nAAAA")): "cert: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUE=",
	} {
		require.Equal(t, want, Redact(in))
	}
	for _, kind := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"} {
		encoded := base64.StdEncoding.EncodeToString([]byte("-----BEGIN " + kind + "-----\nAAAA"))
		require.Equal(t, Redacted, Redact(encoded), kind)
	}
}

// wrapped breaks a text into lines.
func wrapped(s string, columns int, between string) string {
	var lines []string
	for len(s) > columns {
		lines, s = append(lines, s[:columns]), s[columns:]
	}
	return strings.Join(append(lines, s), between)
}

// TestEncodedKeys are found wherever the key begins in what is encoded, and
// however the base64 is wrapped.
func TestEncodedKeys(t *testing.T) {
	key := "PRIVATE KEY-----\nQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZ"
	for _, before := range []string{"-----BEGIN ", "-----BEGIN RSA ", "Bag Attributes\n    friendlyName: alice\n-----BEGIN ", "x-----BEGIN ", "xy-----BEGIN "} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
			code := encoding.EncodeToString([]byte(before + key))
			for columns := 16; columns < 80; columns++ {
				for _, between := range []string{"\n", "\n    ", `\n`, `\r\n`} {
					require.Equal(t, "key: "+Redacted, Redact("key: "+wrapped(code, columns, between)), "%q %d %q", before, columns, between)
				}
			}
			require.Equal(t, "key: "+Redacted+" end", Redact("key: "+code+" end"))
		}
	}
	certificate := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-----BEGIN CERTIFICATE-----", 9)))
	for _, text := range []string{wrapped(certificate, 76, "\n"), "sha256:" + strings.Repeat("0123456789abcdef", 4), strings.Repeat("words of a text\n", 99)} {
		require.Equal(t, text, Redact(text))
	}
	require.Equal(t, "a "+Redacted+" b", Redact("a -----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK----- b"))
}

// TestBootstrapTokens: 6 and 16 characters with a dot between them are a token
// if the longer part has a digit, as all but one in 200 have, or if something
// calls them one.
func TestBootstrapTokens(t *testing.T) {
	for in, want := range map[string]string{
		"mobile.notificationsapi":                 "mobile.notificationsapi",
		"image mobile.notificationsapi:1.2":       "image mobile.notificationsapi:1.2",
		"abc123.notificationsapi":                 "abc123.notificationsapi",
		"mobile.notificationsap1":                 Redacted,
		"--token mobile.notificationsapi":         "--token " + Redacted,
		"--token=mobile.notificationsapi":         "--token=" + Redacted,
		`{"token":"mobile.notificationsapi"}`:     `{"token":"` + Redacted + `"}`,
		`{\"token\": \"mobile.notificationsapi`:   `{\"token\": \"` + Redacted,
		"bootstrapToken: mobile.notificationsapi": "bootstrapToken: " + Redacted,
	} {
		require.Equal(t, want, Redact(in))
	}
}

// TestManifestsInText: a Secret that stands as text in another object keeps its
// names and loses its values.
func TestManifestsInText(t *testing.T) {
	for in, want := range map[string]string{
		"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  p: CANARY\n  q: |\n    CANARY\n\n    more CANARY\ntype: Opaque\n": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData: [redacted]\ntype: Opaque\n",
		"data:\n  p: CANARY\nkind: Secret":                                            "data: [redacted]\nkind: Secret",
		"items:\n- data:\n    p: CANARY\n  kind: \"Secret\" # one\n":                  "items:\n- data: [redacted]\n  kind: \"Secret\" # one\n",
		"kind: 'SecretList'\nitems:\n  - \"data\" :\n    - CANARY\n":                  "kind: 'SecretList'\nitems:\n  - \"data\" : [redacted]\n",
		"kind: Secret\ndata: CANARY\n":                                                "kind: Secret\ndata: [redacted]\n",
		"kind: Secret\ndata:\n- CANARY\nx: y":                                         "kind: Secret\ndata: [redacted]\nx: y",
		"kind: Secret\ndata: {p: CANARY}":                                             Redacted,
		"kind: Secret\ndata: \"CANARY\nCANARY\"":                                      Redacted,
		"{kind: Secret, data: {p: CANARY}}":                                           Redacted,
		"kind: Secret\nx: {data: {p: CANARY}}":                                        Redacted,
		"metadata: {}\nkind: Secret\n":                                                "metadata: {}\nkind: Secret\n",
		"kind: SecretStore\ndata: x":                                                  "kind: SecretStore\ndata: x",
		"kind: ConfigMap\ndata:\n  p: q":                                              "kind: ConfigMap\ndata:\n  p: q",
		"kind: Secret\nmetadata:\n  app-data: x\n  name: y\nstringData:\n  p: CANARY": "kind: Secret\nmetadata:\n  app-data: x\n  name: y\nstringData: [redacted]\n",
	} {
		require.Equal(t, want, Redact(in), in)
	}
	manifest := map[string]any{"kind": "Secret", "stringData": map[string]any{"p": "CANARY"}}
	for range 4 { // JSON in JSON in JSON
		text, err := json.Marshal(manifest)
		require.NoError(t, err)
		require.Equal(t, Redacted, Redact(string(text)))
		indented, err := json.MarshalIndent(manifest, "", "  ")
		require.NoError(t, err)
		require.Equal(t, Redacted, Redact(string(indented)))
		manifest = map[string]any{"copy": string(text)}
	}
}
