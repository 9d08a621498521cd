package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// rung is one Envoy to be loaded.
type rung struct {
	name    string
	address string // host:port
	stack   *harness.Stack
	helper  *harness.Process // the no-op server, if any
}

// The rungs, from the ground up.
const (
	alone        = "envoy-alone"
	noopEmpty    = "noop-empty"
	noopConstant = "noop-constant"
	guarded      = "extproc"
)

// The filters that some rungs do without.
const (
	guardFilter = "envoy.filters.http.ext_proc"
	rbacFilter  = "envoy.filters.http.rbac"
)

// startRungs starts an Envoy per rung, each with the shipped configuration less
// what the rung lacks: without a guard there is no verdict to insist on.
func startRungs(ctx context.Context, dir string) (rungs []*rung, stop func(), err error) {
	stop = func() {
		for _, r := range rungs {
			r.stack.Stop()
			if r.helper != nil {
				r.helper.Stop()
			}
		}
	}
	binaries, err := harness.Find()
	if err != nil {
		return nil, stop, err
	}
	origin, address, err := startOrigin(ctx, dir)
	if err != nil {
		return nil, stop, err
	}
	for _, name := range []string{alone, noopEmpty, noopConstant, guarded} {
		o := harness.Options{Binaries: binaries, Dir: filepath.Join(dir, name), Backend: address, Policy: policy, Guard: "unix:/nonexistent"}
		r := &rung{name: name}
		switch name {
		case alone:
			o.EditEnvoy = without(guardFilter, rbacFilter)
		case noopEmpty, noopConstant:
			o.EditEnvoy = without(rbacFilter)
			if r.helper, o.Guard, err = startNoop(ctx, dir, name); err != nil {
				return rungs, stop, err
			}
		case guarded:
			o.Guard = ""
		}
		if r.stack, err = harness.Start(ctx, o); err != nil {
			return rungs, stop, err
		}
		r.address = strings.TrimSuffix(strings.TrimPrefix(r.stack.URL, "http://"), "/mcp")
		rungs = append(rungs, r)
	}
	rungs[0].helper = origin
	return rungs, stop, nil
}

// policy allows the one host that the load names.
const policy = "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\nhosts:\n  exact: [api.example.com]\n"

// without removes HTTP filters, and what routes say about them, from a
// configuration.
func without(names ...string) func([]byte) ([]byte, error) {
	return func(text []byte) ([]byte, error) {
		var config any
		if err := yaml.Unmarshal(text, &config); err != nil {
			return nil, err
		}
		removed := prune(config, names)
		if removed == 0 {
			return nil, errors.New("the configuration has none of the filters to remove")
		}
		return json.Marshal(config)
	}
}

// prune walks the configuration and returns how many filters it removed.
func prune(at any, names []string) (removed int) {
	switch at := at.(type) {
	case map[string]any:
		for key, value := range at {
			if filters, ok := value.([]any); ok && key == "http_filters" {
				before := len(filters)
				filters = slices.DeleteFunc(filters, func(f any) bool {
					filter, ok := f.(map[string]any)
					return ok && slices.Contains(names, fmt.Sprint(filter["name"]))
				})
				at[key] = filters
				removed += before - len(filters)
			}
			if perRoute, ok := value.(map[string]any); ok && key == "typed_per_filter_config" {
				for _, name := range names {
					delete(perRoute, name)
				}
			}
			removed += prune(at[key], names)
		}
	case []any:
		for _, value := range at {
			removed += prune(value, names)
		}
	}
	return removed
}

// loadHeaders are 3 KB of good headers in their canonical form, so that the
// guard has nothing to rewrite: what most clients send.
func loadHeaders() harness.Headers {
	der := authorityDER()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return harness.Headers{
		{Name: kubeheader.Server, Value: "https://api.example.com:6443"},
		{Name: kubeheader.CertificateAuthority, Value: ca},
		{Name: kubeheader.Authorization, Value: "Bearer " + strings.Repeat("t", max(0, 3000-len(ca)))},
	}
}

// workDir makes a directory with a name short enough for sockets.
func workDir() (string, func(), error) {
	dir, err := os.MkdirTemp("", "bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}
