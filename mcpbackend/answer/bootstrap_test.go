package answer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// letters is a bootstrap token that looks like two words.
const letters = "abcdef.ghijklmnopqrstuv"

// TestTokensOfLetters are found where the text deals with them, and words are
// left alone.
func TestTokensOfLetters(t *testing.T) {
	for _, text := range []string{
		"kubeadm join 192.0.2.1:6443 --discovery-token-ca-cert-hash sha256:00 x " + letters,
		"kubeadm token create " + letters, "--token " + letters, "--discovery-token=" + letters, "tls-bootstrap-token: " + letters,
		"BOOTSTRAP_TOKEN=" + letters, `{"token":"` + letters + `"}`, "Token " + letters, "bootstrap token\n" + letters,
		"type: bootstrap.kubernetes.io/token\nx: " + letters,
	} {
		require.NotContains(t, Redact(text), letters, text)
	}
	for _, text := range []string{letters, "see config.kubernetesgroups", "node: " + letters, "the tokenizer of words.abcdefghijklmnop"} {
		require.Equal(t, text, Redact(text))
	}
}

// TestTokensOfLettersInObjects: by what the object is, and by what the field
// is called.
func TestTokensOfLettersInObjects(t *testing.T) {
	for name, object := range map[string]string{
		"a Secret of the type":   `{"type":"bootstrap.kubernetes.io/token","metadata":{"labels":{"a":"` + letters + `"}}}`,
		"a Secret by its name":   `{"kind":"Secret","metadata":{"name":"bootstrap-token-abcdef","labels":{"a":"` + letters + `"}}}`,
		"cluster-info":           `{"kind":"ConfigMap","metadata":{"name":"cluster-info","namespace":"kube-public"},"data":{"kubeconfig":"users: ` + letters + `"}}`,
		"kubeadm's file":         `{"spec":{"kind":"JoinConfiguration","discovery":{"a":"` + letters + `"}}}`,
		"a field":                `{"spec":{"joinToken":"` + letters + `"}}`,
		"a list below the field": `{"spec":{"tokens":["` + letters + `"]}}`,
		"a variable":             `{"spec":{"env":[{"name":"NODE_TOKEN","value":"` + letters + `"}]}}`,
		"a list of Secrets":      `{"items":[{"metadata":{"name":"bootstrap-token-abcdef"},"x":["` + letters + `"]}]}`,
	} {
		shown, changed, _ := Object(t.Context(), read(t, object), same, false)
		require.NotContains(t, cellOf(shown), letters, name)
		require.NotEmpty(t, changed, name)
	}
	shown, changed, _ := Object(t.Context(), read(t, `{"a":{"joinToken":"x"},"b":"`+letters+`","c":[{"name":"TOKEN"},{"value":"`+letters+`"}]}`), same, false)
	require.Empty(t, changed, "what is beside a token is none: %v", shown)
}

// TestTokensOfLettersInFields: a chosen field does not say what object it is of.
func TestTokensOfLettersInFields(t *testing.T) {
	fields, err := ParseFields([]string{"data.kubeconfig"})
	require.NoError(t, err)
	object := read(t, `{"metadata":{"name":"cluster-info","namespace":"kube-public"},"data":{"kubeconfig":"users: `+letters+`"}}`)
	require.Equal(t, []string{"users: [redacted]"}, fields.Pick(t.Context(), object, same, false, ObjectBudget).Cells())
}
