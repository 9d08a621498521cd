package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// target is the cluster that the stack is shown on.
type target struct {
	policy     string
	namespaces []string
	users      tenants
	// second are the users of the second cluster; nil without one.
	second tenants
	// first is the one who makes the calls that are shown.
	first    string
	clusters []*harness.Cluster // none for a kubeconfig's
}

// tenants are headers by name of the user and kind of credential.
type tenants map[string]map[string]harness.Headers

// The kinds of credential, as stack.json names them.
const (
	token       = "token"
	certificate = "certificate"
)

func (t target) stop() {
	var wg sync.WaitGroup
	for _, c := range t.clusters {
		wg.Go(c.Stop)
	}
	wg.Wait()
}

func (t target) processes() []*harness.Process {
	processes := make([]*harness.Process, 0, len(t.clusters))
	for _, c := range t.clusters {
		processes = append(processes, c.Process())
	}
	return processes
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
	return s.embeddedTarget(ctx, b, work, v)
}

// embeddedTarget starts the embedded Kubernetes and, at the same time, the second
// one if it is wanted.
func (s settings) embeddedTarget(ctx context.Context, b harness.Binaries, work string, v *view) (t target, err error) {
	ctx, cancel := context.WithCancel(ctx) // one that fails ends the other's start
	defer cancel()
	defer func() {
		if err != nil {
			t.stop()
			t = target{}
		}
	}()
	type start func(ctx context.Context, binary, dir string) (*harness.Cluster, error)
	starts := []start{harness.StartCluster}
	if s.secondCluster {
		starts = append(starts, harness.StartSecondCluster)
	}
	clusters, errs := make([]*harness.Cluster, len(starts)), make([]error, len(starts))
	var wg sync.WaitGroup
	for i, start := range starts {
		wg.Go(func() {
			if clusters[i], errs[i] = start(ctx, b.Cluster, filepath.Join(work, strconv.Itoa(i+1), "k")); errs[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	servers := make([]string, 0, len(clusters))
	for i, c := range clusters {
		if c != nil {
			t.clusters = append(t.clusters, c)
			servers = append(servers, c.Server)
			v.component([]string{"kubernetes", "kubernetes-2"}[i], c.Server)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return t, err
	}
	if t.policy, err = harness.Policy(ctx, servers...); err != nil {
		return t, err
	}
	t.namespaces, t.users, t.first = clusters[0].Namespaces, usersOf(clusters[0]), "alice"
	if s.secondCluster {
		t.second = usersOf(clusters[1])
	}
	return t, nil
}

func usersOf(c *harness.Cluster) tenants {
	users := tenants{}
	for name := range c.Users {
		users[name] = map[string]harness.Headers{token: c.Token(name), certificate: c.Certificate(name)}
	}
	return users
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
	policy, err := kubeconfigPolicy(ctx, h)
	if err != nil {
		return target{}, err
	}
	kind := token
	if h.Get(kubeheader.Authorization) == "" {
		kind = certificate
	}
	v.component("kubernetes", server)
	t := target{policy: policy, users: tenants{"me": {kind: h}}, first: "me"}
	if namespace := h.Get(kubeheader.Namespace); namespace != "" {
		t.namespaces = []string{namespace}
	}
	return t, nil
}

// publicRoots is where Debian and its like keep the roots that vouch for a
// server whose CA a kubeconfig does not name.
const publicRoots = "/etc/ssl/certs/ca-certificates.crt"

// kubeconfigPolicy allows what these headers need: the server, its path, and
// the lack of a CA if there is one.
func kubeconfigPolicy(ctx context.Context, h harness.Headers) (string, error) {
	server, err := url.Parse(h.Get(kubeheader.Server))
	if err != nil {
		return "", err
	}
	policy, err := harness.Policy(ctx, server.String())
	if err != nil {
		return "", err
	}
	if path := strings.TrimSuffix(server.Path, "/"); path != "" {
		policy += fmt.Sprintf("pathPrefixes: [%q]\n", path)
	}
	switch {
	case h.Get(kubeheader.InsecureSkipTLSVerify) == "true":
		policy += fmt.Sprintf("insecureHosts: [%q]\n", server.Hostname())
	case h.Get(kubeheader.CertificateAuthority) == "":
		if _, err := os.Stat(publicRoots); err != nil {
			return "", fmt.Errorf("the kubeconfig names no CA and this machine has no %s: name certificate-authority in the kubeconfig", publicRoots)
		}
		policy += fmt.Sprintf("publicRootsFile: %q\n", publicRoots)
	}
	return policy, nil
}
