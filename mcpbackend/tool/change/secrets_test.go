package change

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// The values of a Secret that no answer may hold.
const (
	password = "CANARY-hunter2 \"with\" quotes"
	pin      = "4711"
	plain    = "CANARY-plain-text"
)

// aSecret is the manifest of a Secret, in YAML.
func aSecret() string {
	return "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: team-a\n  annotations: {note: CANARY-note-of-mine}\n" +
		"data:\n  password: " + base64.StdEncoding.EncodeToString([]byte(password)) + "\nstringData:\n  pin: '" + pin + "'\n  other: " + plain + "\n"
}

// TestSecretsAreNotQuoted: however an API server or a webhook quotes a Secret's
// value, the report does not.
func TestSecretsAreNotQuoted(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(password))
	for name, message := range map[string]string{
		"whole":          "denied: " + password,
		"escaped":        `denied: CANARY-hunter2 \\\"with\\\" quotes is weak`,
		"encoded":        "denied: " + encoded,
		"half of it":     "denied: " + encoded[:len(encoded)/2],
		"end of it":      "denied: " + plain[7:],
		"short":          "denied: pin 4711 is weak",
		"in upper case":  "denied: " + strings.ToUpper(plain),
		"annotation":     "denied: CANARY-note-of-mine",
		"cut":            strings.Repeat("denied because of ", 16) + plain,
		"what was there": "denied: CANARY-former value",
	} {
		for _, status := range []string{"403", "409", "500", "400", "422"} {
			body := status + ` {"kind":"Status","message":` + string(mustJSON(t, message)) + `}`
			_, c := visit(t, map[string]string{
				"GET " + secret:   `{"kind":"Secret","metadata":{"name":"a"},"data":{"old":"` + base64.StdEncoding.EncodeToString([]byte("CANARY-former value")) + `"}}`,
				"PATCH " + secret: body,
			})
			_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: aSecret()})
			require.ErrorContains(t, err, withheld, "%s %s", name, status)
			for _, canary := range []string{"CANARY", "hunter2", "plain-text", "4711", encoded[:12]} {
				require.NotContains(t, strings.ToUpper(err.Error()), strings.ToUpper(canary), "%s %s", name, status)
			}
		}
	}
}

// TestInvalidSecretsAreNotQuotedAtAll: a number comes in another form, and a map
// as Go prints it.
func TestInvalidSecretsAreNotQuotedAtAll(t *testing.T) {
	for _, status := range []string{"400", "422"} {
		_, c := visit(t, map[string]string{"PATCH " + secret: status + ` {"kind":"Status","message":"stringData.pin: expected string, got &value{0x1267}"}`})
		_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: aSecret()})
		require.ErrorContains(t, err, withheld)
		require.NotContains(t, err.Error(), "0x1267")
	}
}

// TestSecretsOfOtherKinds: a Secret inside of another object is one, and so is
// one whose manifest calls it by another name.
func TestSecretsOfOtherKinds(t *testing.T) {
	inner := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: team-a}\nlist:\n- kind: Secret\n  stringData: {x: " + plain + "}\n"
	short := strings.Replace(aSecret(), "kind: Secret", "kind: secrets", 1)
	for path, text := range map[string]string{cmA: inner, secret: short} {
		_, c := visit(t, map[string]string{"PATCH " + path: `403 {"kind":"Status","message":"no ` + plain + `"}`})
		_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: text})
		require.ErrorContains(t, err, withheld)
		require.NotContains(t, err.Error(), plain)
	}
}

// TestWhatIsNoSecretIsSaid: a message that quotes none of it is what helps, and
// so is one about an object that is no Secret.
func TestWhatIsNoSecretIsSaid(t *testing.T) {
	_, c := visit(t, map[string]string{
		"PATCH " + secret: `403 {"kind":"Status","message":"secrets \"a\" is forbidden: User \"bob\" cannot patch it"}`,
		"PATCH " + cmA:    `422 {"kind":"Status","message":"data.a: Invalid value: \"b\""}`,
	})
	_, _, err := apply(brokenapi.Soon(t), c, applyIn{Resource: aSecret()})
	require.ErrorContains(t, err, `User "bob" cannot patch it`)
	_, _, err = apply(brokenapi.Soon(t), c, applyIn{Resource: manifest("a")})
	require.ErrorContains(t, err, `Invalid value: "b"`)
	other := &kube.UnknownKindError{}
	require.Equal(t, other, hushed(other, map[string]any{"kind": "Secret", "data": "x"}))
}

// TestSecretsInReports: only paths say what changed.
func TestSecretsInReports(t *testing.T) {
	_, c := visit(t, map[string]string{
		"GET " + secret:   `{"kind":"Secret","metadata":{"name":"a","resourceVersion":"1"},"data":{"password":"b2xk"}}`,
		"PATCH " + secret: `{"kind":"Secret","metadata":{"name":"a","resourceVersion":"2"},"data":{"password":"Q0FOQVJZLWZyZXNo","pin":"NDcxMQ=="}}`,
	})
	text, out, err := apply(brokenapi.Soon(t), c, applyIn{Resource: aSecret()})
	require.NoError(t, err)
	require.Equal(t, "1 document: 1 configured\n1. configured Secret a (v1) in namespace team-a: data.password, data.pin\n", text)
	require.Equal(t, []string{"data.password", "data.pin"}, out.Documents[0].Changed)
	require.NotContains(t, string(mustJSON(t, out)), "Q0FOQVJZ")
}
