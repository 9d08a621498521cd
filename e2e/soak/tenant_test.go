package soak

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// tenant is one caller. He has one credential at a time, for all clusters, and
// gives it up after few calls.
type tenant struct {
	number    int
	ca        *authority
	client    *harness.Client
	random    *rand.Rand
	serial    int
	headers   harness.Headers // of the credential
	who       string          // what a mock says of it
	remaining int             // calls until the next
}

// lifetime is how many calls a credential lives, at most.
const lifetime = 40

// renew gives the tenant another credential: odd ones a certificate, even ones a
// token.
func (t *tenant) renew() error {
	t.serial++
	t.remaining = 1 + t.random.IntN(lifetime)
	if t.number%2 == 0 {
		token := fmt.Sprintf("tenant-%d.credential-%d", t.number, t.serial)
		t.headers, t.who = harness.Headers{{Name: kubeheader.Authorization, Value: "Bearer " + token}}, seen([]byte(token))
		return nil
	}
	der, key, err := t.ca.issue(fmt.Sprintf("tenant-%d", t.number), x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	t.headers, t.who = harness.Headers{
		{Name: kubeheader.ClientCertificate, Value: encoded("CERTIFICATE", der)},
		{Name: kubeheader.ClientKey, Value: encoded("PRIVATE KEY", pkcs8)},
	}, seen(der)
	return nil
}

func encoded(kind string, der []byte) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// act makes one call on one cluster and compares the answer. A mismatch is an
// errMixed; any other error is a call that failed.
func (t *tenant) act(ctx context.Context, url string, m *mock) error {
	if t.remaining--; t.remaining < 0 {
		if err := t.renew(); err != nil {
			return err
		}
	}
	headers := t.headers.Plus(kubeheader.Server, m.url).
		Plus(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString(t.ca.pem))
	namespace := fmt.Sprintf("team-%d", t.number)
	switch t.random.IntN(3) {
	case 0:
		var got struct {
			Username      string   `json:"username"`
			Groups        []string `json:"groups"`
			Server        string   `json:"server"`
			ServerVersion string   `json:"serverVersion"`
		}
		if err := t.call(ctx, url, headers, "whoami", `{}`, &got); err != nil {
			return err
		}
		return same(fmt.Sprint(got.Username, got.Groups, got.Server, got.ServerVersion), fmt.Sprint(t.who, []string{m.name}, m.url, "v1.37.2-"+m.name))
	case 1:
		var got struct {
			Names     []string `json:"names"`
			Namespace string   `json:"namespace"`
		}
		// The namespace comes by header.
		if err := t.call(ctx, url, headers.Plus(kubeheader.Namespace, namespace), "resources_list", `{"apiVersion":"v1","kind":"ConfigMap"}`, &got); err != nil {
			return err
		}
		return same(fmt.Sprint(got.Names, got.Namespace), fmt.Sprint([]string{t.who + "." + m.name}, namespace))
	default:
		var got struct {
			UID       string `json:"uid"`
			Namespace string `json:"namespace"`
		}
		arguments := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":%q}`, namespace)
		if err := t.call(ctx, url, headers, "resources_get", arguments, &got); err != nil {
			return err
		}
		return same(fmt.Sprint(got.UID, got.Namespace), fmt.Sprint(t.who+"."+m.name, namespace))
	}
}

// call decodes the structured part of an answer.
func (t *tenant) call(ctx context.Context, url string, headers harness.Headers, tool, arguments string, out any) error {
	result, rpc, err := t.client.CallTool(ctx, url, headers, tool, arguments)
	switch {
	case err != nil:
		return err
	case rpc.Error != nil:
		return fmt.Errorf("%s: %s", tool, rpc.Error.Message)
	case result.IsError:
		return fmt.Errorf("%s: %s", tool, result.Text())
	}
	return json.Unmarshal(result.Structured, out)
}

// mixedError is an answer that is another caller's, or another cluster's.
type mixedError struct{ got, want string }

// Error says both.
func (e mixedError) Error() string { return "got " + e.got + ", want " + e.want }

func same(got, want string) error {
	if got != want {
		return mixedError{got, want}
	}
	return nil
}
