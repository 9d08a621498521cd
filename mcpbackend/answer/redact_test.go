package answer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func same(s string) string { return s }

// TestObjectIsNotChanged: the argument may be shown elsewhere.
func TestObjectIsNotChanged(t *testing.T) {
	in := map[string]any{"kind": "Secret", "data": map[string]any{"a": "b"}, "metadata": map[string]any{"managedFields": []any{1}}}
	shown, changed, _ := Object(t.Context(), in, same, false)
	require.Equal(t, map[string]any{"kind": "Secret", "data": map[string]any{"a": Redacted}, "metadata": map[string]any{}}, shown)
	require.Equal(t, []string{"data.a"}, changed)
	require.Equal(t, map[string]any{"a": "b"}, in["data"])
}

// TestSecretOfAnyShape: data that is no map is nothing to show either.
func TestSecretOfAnyShape(t *testing.T) {
	for _, data := range []any{"CANARY", []any{"CANARY"}, map[string]any{"a": map[string]any{"b": "CANARY"}}, map[string]any{"a": []any{"CANARY"}}, map[string]any{"a": 7.0}} {
		shown, changed, _ := Object(t.Context(), map[string]any{"data": data, "stringData": data}, same, true)
		require.NotContains(t, shown["data"], "CANARY")
		require.NotContains(t, shown["stringData"], "CANARY")
		require.Len(t, changed, 2)
	}
}

// TestManagedFieldsElsewhere: only the metadata's are the server's bookkeeping.
func TestManagedFieldsElsewhere(t *testing.T) {
	in := map[string]any{"spec": map[string]any{"managedFields": "kept", "template": map[string]any{"metadata": map[string]any{"managedFields": "dropped"}}}}
	shown, _, _ := Object(t.Context(), in, same, false)
	require.Equal(t, map[string]any{"spec": map[string]any{"managedFields": "kept", "template": map[string]any{"metadata": map[string]any{}}}}, shown)
}

func TestScrubReachesKeysAndValues(t *testing.T) {
	scrub := func(s string) string {
		if s == "CANARY" {
			return Redacted
		}
		return s
	}
	shown, _, _ := Object(t.Context(), map[string]any{"CANARY": []any{"CANARY"}}, scrub, false)
	require.Equal(t, map[string]any{Redacted: []any{Redacted}}, shown)
}

// TestCopiesOfSecrets: five tools keep the whole object in an annotation, of a
// Secret or of what made one.
func TestCopiesOfSecrets(t *testing.T) {
	for _, name := range []string{
		"kubectl.kubernetes.io/last-applied-configuration", "kapp.k14s.io/original", "kapp.k14s.io/original-diff",
		"objectset.rio.cattle.io/applied", "banzaicloud.com/last-applied",
	} {
		for _, secret := range []bool{true, false} {
			in := map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: "CANARY", "example.com/team": "a"}}}
			shown, changed, _ := Object(t.Context(), in, same, secret)
			require.Equal(t, map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: Redacted, "example.com/team": "a"}}}, shown)
			require.Equal(t, []string{"metadata.annotations." + name}, changed)
		}
	}
}

// TestShortCopiesInAnnotations: an annotation of a Secret may be a copy in few
// bytes of YAML, under any name.
func TestShortCopiesInAnnotations(t *testing.T) {
	for _, text := range []string{"stringData:\n  p: CANARY", `{"p":"CANARY"}`, "[CANARY]", "p: CANARY\r"} {
		in := map[string]any{"kind": "Secret", "metadata": map[string]any{"annotations": map[string]any{"example.com/own": text}}}
		shown, changed, _ := Object(t.Context(), in, same, false)
		require.Equal(t, map[string]any{"annotations": map[string]any{"example.com/own": Redacted}}, shown["metadata"], text)
		require.Len(t, changed, 1)
	}
}

// TestHiddenCharactersHideNothing: what would join a credential that nobody sees
// is in pieces goes before it is looked for.
func TestHiddenCharactersHideNothing(t *testing.T) {
	const token = "eyJhbGciOiJub25l\u200b.eyJzdWIiOiJhbGlj.\x1b[0mc2ln"
	shown, changed, _ := Object(t.Context(), map[string]any{"a": token, token: "b"}, same, false)
	require.Equal(t, map[string]any{"a": Redacted, Redacted: "b"}, shown)
	require.Equal(t, []string{"a"}, changed)
}
