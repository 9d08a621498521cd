package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// The namespaces of the two tenants.
const (
	teamA = "team-a"
	teamB = "team-b"
)

// user is somebody with both kinds of credential.
type user struct {
	name, group, namespace string
	newKey                 func() (crypto.Signer, error)
	token                  string
	pair                   pair
}

// people are the users of the cluster: an admin and two tenants, each tenant at
// home in one namespace. Between them they have both common kinds of key.
func people() []user {
	return []user{
		{name: "admin", group: "system:masters", namespace: "default", newKey: newECDSA},
		{name: "alice", group: "tenants", namespace: teamA, newKey: newRSA},
		{name: "bob", group: "tenants", namespace: teamB, newKey: newECDSA},
	}
}

// The files of the directory, by what is in them.
const (
	authorityFile          = "ca.pem"
	servingCertificateFile = "apiserver.pem"
	servingKeyFile         = "apiserver-key.pem"
	kubeletClientFile      = "kubelet-client.pem"
	kubeletClientKeyFile   = "kubelet-client-key.pem"
	accountKeyFile         = "service-account-key.pem"
	tokenFile              = "tokens.csv"
	auditPolicyFile        = "audit-policy.yaml"
	auditLogFile           = "audit.log"
)

// auditPolicy keeps who asked for what and by which User-Agent, of people only:
// tests read it to see what reached the API server and what did not.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
  users: [admin, alice, bob]
- level: None
`

// credentials makes every key and certificate, and the files that hold them.
func (c *cluster) credentials() error {
	var err error
	if c.authority, err = newAuthority(c.options.name + "-ca"); err != nil {
		return err
	}
	serving, err := c.authority.serving([]string{"kubernetes", "localhost"}, net.IPv4(127, 0, 0, 1), net.IPv6loopback)
	if err != nil {
		return err
	}
	kubelets, err := c.issueTo(user{name: kubeletClient, newKey: newECDSA})
	if err != nil {
		return err
	}
	// kube-apiserver wants RSA or ECDSA here; one file serves signer and verifier.
	account, err := newRSA()
	if err != nil {
		return err
	}
	accountKey, err := x509.MarshalPKCS8PrivateKey(account)
	if err != nil {
		return err
	}
	var tokens bytes.Buffer
	for _, u := range people() {
		if u, err = c.issueTo(u); err != nil {
			return err
		}
		c.users = append(c.users, u)
		_, _ = fmt.Fprintf(&tokens, "%s,%s,%s,%s\n", u.token, u.name, u.name, u.group)
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{authorityFile, c.authority.pem},
		{servingCertificateFile, serving.certificate},
		{servingKeyFile, serving.key},
		{kubeletClientFile, kubelets.pair.certificate},
		{kubeletClientKeyFile, kubelets.pair.key},
		{accountKeyFile, encode("PRIVATE KEY", accountKey)},
		{tokenFile, tokens.Bytes()},
		{auditPolicyFile, []byte(auditPolicy)},
	} {
		if err := c.write(f.name, f.content); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) issueTo(u user) (user, error) {
	key, err := u.newKey()
	if err != nil {
		return user{}, err
	}
	var groups []string
	if u.group != "" {
		groups = []string{u.group}
	}
	u.pair, err = c.authority.client(u.name, groups, key)
	u.token = strings.ToLower(u.name + "-" + rand.Text())
	return u, err
}

// kubeconfigs writes one for every user.
func (c *cluster) kubeconfigs() error {
	for _, u := range c.users {
		if err := c.kubeconfig(u); err != nil {
			return err
		}
	}
	return nil
}

// componentKubeconfig writes the kubeconfig of a component. It is its own user,
// whom RBAC knows by this name or by the group, so that the audit log of people
// shows people.
func (c *cluster) componentKubeconfig(name, group string) (file string, err error) {
	u, err := c.issueTo(user{name: "system:" + name, group: group, newKey: newECDSA})
	if err != nil {
		return "", err
	}
	config := c.connection()
	config.AuthInfos[name] = &api.AuthInfo{ClientCertificateData: u.pair.certificate, ClientKeyData: u.pair.key}
	config.Contexts[name] = &api.Context{Cluster: "cluster", AuthInfo: name}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return "", err
	}
	return kubeconfigFile(name), c.write(kubeconfigFile(name), content)
}

// connection is a kubeconfig without users.
func (c *cluster) connection() *api.Config {
	config := api.NewConfig()
	config.Clusters["cluster"] = &api.Cluster{Server: c.url(), CertificateAuthorityData: c.authority.pem}
	return config
}

func kubeconfigFile(name string) string { return name + ".kubeconfig" }

// kubeconfig writes the file NAME.kubeconfig with a context for each credential:
// "token", which is the current one, and "certificate".
func (c *cluster) kubeconfig(u user) error {
	config := c.connection()
	config.AuthInfos["token"] = &api.AuthInfo{Token: u.token}
	config.AuthInfos["certificate"] = &api.AuthInfo{ClientCertificateData: u.pair.certificate, ClientKeyData: u.pair.key}
	for kind := range config.AuthInfos {
		config.Contexts[kind] = &api.Context{Cluster: "cluster", AuthInfo: kind, Namespace: u.namespace}
	}
	config.CurrentContext = "token"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return c.write(kubeconfigFile(u.name), content)
}
