package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// Cluster is a running embedded Kubernetes.
type Cluster struct {
	Name       string              `json:"name"` // tells the objects of clusters apart
	Server     string              `json:"server"`
	CA         string              `json:"ca"` // PEM
	Namespaces []string            `json:"namespaces"`
	Users      map[string]Identity `json:"users"`    // admin, alice, bob
	AuditLog   string              `json:"auditLog"` // a file with a JSON event a line, of these users alone

	process *Process
}

// Identity is one user's two ways to authenticate.
type Identity struct {
	Token       string `json:"token"`
	Certificate string `json:"certificate"` // PEM
	Key         string `json:"key"`         // PEM
	Kubeconfig  string `json:"kubeconfig"`  // path
}

// clusterTimeout bounds a start; a warm one takes about three seconds.
const clusterTimeout = 100 * time.Second

// StartCluster starts the embedded Kubernetes with its state in dir, which must
// not exist yet.
func StartCluster(ctx context.Context, binary, dir string) (*Cluster, error) {
	return startCluster(ctx, "cluster", binary, dir)
}

// StartSecondCluster starts another one, of etcd and an API server alone: it has
// the same users with other credentials of another authority, and no Pods. What
// is in it says so.
func StartSecondCluster(ctx context.Context, binary, dir string) (*Cluster, error) {
	return startCluster(ctx, "second-cluster", binary, dir, "--apiserver-only", "--name", "second")
}

func startCluster(ctx context.Context, name, binary, dir string, args ...string) (*Cluster, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	p, err := spawn(filepath.Dir(dir), name, nil, binary, append([]string{"--dir", dir}, args...)...)
	if err != nil {
		return nil, err
	}
	c := &Cluster{process: p}
	// The file appears, whole, once everything is ready.
	err = p.ready(ctx, func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
		if err != nil {
			return err
		}
		return json.Unmarshal(text, c)
	})
	if err != nil {
		p.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends all of the cluster's processes.
func (c *Cluster) Stop() { c.process.Stop() }

// Process is the cluster's own process, the parent of its components.
func (c *Cluster) Process() *Process { return c.process }

// Token returns the headers of a user who sends a bearer token.
func (c *Cluster) Token(user string) Headers {
	return append(c.target(), Header{kubeheader.Authorization, "Bearer " + c.user(user).Token})
}

// Certificate returns the headers of a user who sends a client certificate.
func (c *Cluster) Certificate(user string) Headers {
	u := c.user(user)
	return append(c.target(),
		Header{kubeheader.ClientCertificate, b64(u.Certificate)},
		Header{kubeheader.ClientKey, b64(u.Key)})
}

// target is the part of the headers that is the same for every user.
func (c *Cluster) target() Headers {
	return Headers{{kubeheader.Server, c.Server}, {kubeheader.CertificateAuthority, b64(c.CA)}}
}

// user panics on a name that the cluster does not know: that is a typing error
// in a test, and an empty credential would make it a puzzle.
func (c *Cluster) user(name string) Identity {
	u, ok := c.Users[name]
	if !ok {
		panic(fmt.Sprintf("harness: the cluster has no user %q", name)) //nolint:forbidigo // see the comment
	}
	return u
}
