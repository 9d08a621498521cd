package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// user is somebody whom the API server knows, by a bearer token and by a
// client certificate.
type user struct {
	name      string
	groups    []string
	namespace string // a tenant's own; "" for the admin
	rsa       bool   // the kind of client key
}

// users are the admin and two tenants. One has an RSA key and one an elliptic
// curve, so that both kinds of credential are in daily use.
func users() []user {
	return []user{
		{name: "admin", groups: []string{"system:masters"}},
		{name: "alice", groups: []string{"tenants"}, namespace: "team-a", rsa: true},
		{name: "bob", groups: []string{"tenants"}, namespace: "team-b"},
	}
}

// Description is what cluster.json holds: all that a caller needs to reach the
// cluster as each of its users.
type Description struct {
	Server     string                `json:"server"`
	CA         string                `json:"ca"` // PEM
	Namespaces []string              `json:"namespaces"`
	Users      map[string]Credential `json:"users"`
}

// Credential is one user's two ways to authenticate.
type Credential struct {
	Token       string `json:"token"`
	Certificate string `json:"certificate"` // PEM
	Key         string `json:"key"`         // PEM
	Kubeconfig  string `json:"kubeconfig"`  // path
}

// issue makes the credentials of all users and writes the token file of the API
// server, a kubeconfig per user and cluster.json into dir.
func issue(dir, server string, serving, clients pair) (Description, error) {
	d := Description{Server: server, CA: string(serving.certPEM), Users: map[string]Credential{}}
	var tokens strings.Builder
	for _, u := range users() {
		key, err := newKey(u.rsa)
		if err != nil {
			return Description{}, err
		}
		p, err := clients.client(u.name, u.groups, key)
		if err != nil {
			return Description{}, err
		}
		secret := make([]byte, 24)
		_, _ = rand.Read(secret) // never fails since Go 1.24
		c := Credential{
			Token:       hex.EncodeToString(secret),
			Certificate: string(p.certPEM),
			Key:         string(p.keyPEM),
			Kubeconfig:  filepath.Join(dir, u.name+".kubeconfig"),
		}
		if err := writeKubeconfig(c.Kubeconfig, d.Server, serving.certPEM, u, p); err != nil {
			return Description{}, err
		}
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", c.Token, u.name, u.name, strings.Join(u.groups, ","))
		d.Users[u.name] = c
		if u.namespace != "" {
			d.Namespaces = append(d.Namespaces, u.namespace)
		}
	}
	return d, os.WriteFile(filepath.Join(dir, "tokens.csv"), []byte(tokens.String()), 0o600)
}

// write puts the description into dir/cluster.json, in one step.
func (d Description) write(dir string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "cluster.json")
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// writeKubeconfig writes a kubeconfig with one context, which holds the client
// certificate.
func writeKubeconfig(path, server string, ca []byte, u user, p pair) error {
	namespace := u.namespace
	if namespace == "" {
		namespace = "default"
	}
	b64 := base64.StdEncoding.EncodeToString
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: %[1]s
clusters:
- name: embedded
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context:
    cluster: embedded
    user: %[1]s
    namespace: %[6]s
`, u.name, server, b64(ca), b64(p.certPEM), b64(p.keyPEM), namespace)
	return os.WriteFile(path, []byte(text), 0o600)
}
