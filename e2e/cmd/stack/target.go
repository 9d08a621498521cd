package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// target is the cluster that the stack is shown on.
type target struct {
	policy     string
	namespaces []string
	// users maps a name to its headers by kind of credential.
	users map[string]map[string]harness.Headers
	// first is the one who makes the calls that are shown.
	first   string
	cluster *harness.Cluster // nil for a kubeconfig's
}

// The kinds of credential, as stack.json names them.
const (
	token       = "token"
	certificate = "certificate"
)

func (t target) stop() {
	if t.cluster != nil {
		t.cluster.Stop()
	}
}

func (t target) processes() []*harness.Process {
	if t.cluster == nil {
		return nil
	}
	return []*harness.Process{t.cluster.Process()}
}

// headers are those of the shown calls: the token if there is one.
func (t target) headers() harness.Headers {
	kinds := t.users[t.first]
	if h, ok := kinds[token]; ok {
		return h
	}
	return kinds[certificate]
}

func (s settings) target(ctx context.Context, b harness.Binaries, work string, v *view) (target, error) {
	if s.kubeconfig {
		return kubeconfigTarget(ctx, b, v)
	}
	return embeddedTarget(ctx, b, work, v)
}

// embeddedTarget starts the embedded Kubernetes.
func embeddedTarget(ctx context.Context, b harness.Binaries, work string, v *view) (target, error) {
	c, err := harness.StartCluster(ctx, b.Cluster, filepath.Join(work, "k"))
	if err != nil {
		return target{}, err
	}
	v.component("kubernetes", c.Server)
	policy, err := harness.Policy(ctx, c.Server)
	if err != nil {
		c.Stop()
		return target{}, err
	}
	t := target{policy: policy, namespaces: c.Namespaces, users: map[string]map[string]harness.Headers{}, first: "alice", cluster: c}
	for name := range c.Users {
		t.users[name] = map[string]harness.Headers{token: c.Token(name), certificate: c.Certificate(name)}
	}
	return t, nil
}

// kubeconfigTarget lets kubemcp turn the current context into headers.
func kubeconfigTarget(ctx context.Context, b harness.Binaries, v *view) (target, error) {
	if os.Getenv("KUBECONFIG") == "" {
		return target{}, errors.New("CLUSTER=kubeconfig needs KUBECONFIG: set it to the path of your kubeconfig file")
	}
	cmd := exec.CommandContext(ctx, b.KubeMCP, "headers", "--format", "json")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return target{}, fmt.Errorf("kubemcp headers: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		return target{}, fmt.Errorf("kubemcp headers: %w", err)
	}
	var h harness.Headers
	for _, name := range kubeheader.Names() {
		if value, ok := values[name]; ok {
			h = append(h, harness.Header{Name: name, Value: value})
		}
	}
	server := h.Get(kubeheader.Server)
	policy, err := harness.Policy(ctx, server)
	if err != nil {
		return target{}, err
	}
	kind := token
	if h.Get(kubeheader.Authorization) == "" {
		kind = certificate
	}
	v.component("kubernetes", server)
	t := target{policy: policy, users: map[string]map[string]harness.Headers{"me": {kind: h}}, first: "me"}
	if namespace := h.Get(kubeheader.Namespace); namespace != "" {
		t.namespaces = []string{namespace}
	}
	return t, nil
}
