package tool

import (
	"encoding/base64"
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
		"-----BEGIN CERTIFICATE-----\nAAAA":                                                       "-----BEGIN CERTIFICATE-----\nAAAA",
		"abcdef.0123456789abcde abcdefg.0123456789abcdef":                                         "abcdef.0123456789abcde abcdefg.0123456789abcdef",
		"web.example.com 10.0.0.1:6443 sha256:0123456789abcdef0123":                               "web.example.com 10.0.0.1:6443 sha256:0123456789abcdef0123",
		"key: " + base64.StdEncoding.EncodeToString([]byte(pem)):                                  "key: [redacted]",
		"cert: " + base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nAAAA")): "cert: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUE=",
	} {
		require.Equal(t, want, redactText(in))
	}
	for _, kind := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"} {
		encoded := base64.StdEncoding.EncodeToString([]byte("-----BEGIN " + kind + "-----\nAAAA"))
		require.Equal(t, redacted, redactText(encoded), kind)
	}
}

func same(s string) string { return s }

// TestObjectIsNotChanged: the argument may be shown elsewhere.
func TestObjectIsNotChanged(t *testing.T) {
	in := map[string]any{"kind": "Secret", "data": map[string]any{"a": "b"}, "metadata": map[string]any{"managedFields": []any{1}}}
	shown, changed, _ := object(t.Context(), in, same, false, objectBudget)
	require.Equal(t, map[string]any{"kind": "Secret", "data": map[string]any{"a": redacted}, "metadata": map[string]any{}}, shown)
	require.Equal(t, []string{"data.a"}, changed)
	require.Equal(t, map[string]any{"a": "b"}, in["data"])
}

// TestSecretOfAnyShape: data that is no map is nothing to show either.
func TestSecretOfAnyShape(t *testing.T) {
	for _, data := range []any{"CANARY", []any{"CANARY"}, map[string]any{"a": map[string]any{"b": "CANARY"}}, map[string]any{"a": []any{"CANARY"}}, map[string]any{"a": 7.0}} {
		shown, changed, _ := object(t.Context(), map[string]any{"data": data, "stringData": data}, same, true, objectBudget)
		require.NotContains(t, shown["data"], "CANARY")
		require.NotContains(t, shown["stringData"], "CANARY")
		require.Len(t, changed, 2)
	}
}

// TestManagedFieldsElsewhere: only the metadata's are the server's bookkeeping.
func TestManagedFieldsElsewhere(t *testing.T) {
	in := map[string]any{"spec": map[string]any{"managedFields": "kept", "template": map[string]any{"metadata": map[string]any{"managedFields": "dropped"}}}}
	shown, _, _ := object(t.Context(), in, same, false, objectBudget)
	require.Equal(t, map[string]any{"spec": map[string]any{"managedFields": "kept", "template": map[string]any{"metadata": map[string]any{}}}}, shown)
}

func TestScrubReachesKeysAndValues(t *testing.T) {
	scrub := func(s string) string {
		if s == "CANARY" {
			return redacted
		}
		return s
	}
	shown, _, _ := object(t.Context(), map[string]any{"CANARY": []any{"CANARY"}}, scrub, false, objectBudget)
	require.Equal(t, map[string]any{redacted: []any{redacted}}, shown)
}
