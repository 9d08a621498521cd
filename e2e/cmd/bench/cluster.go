package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const perCall = "per call"

// wayThere is the whole way: Envoy, both programs and a real API server, with
// client-go beside it, which asks that server for the same list.
type wayThere struct {
	cluster *harness.Cluster
	stack   *harness.Stack
	ours    *relay // between the backend and the API server
	theirs  *relay // between client-go and the API server
	list    func(context.Context) error
	address string // of Envoy
	headers harness.Headers
	stop    []func()
}

func (w *wayThere) close() {
	for _, stop := range slices.Backward(w.stop) {
		stop()
	}
}

// startWay starts all of it. What was started is stopped by close, whether or
// not there is an error.
func startWay(ctx context.Context, dir, extra string) (*wayThere, error) {
	w := &wayThere{}
	binaries, err := harness.Find()
	if err != nil {
		return w, err
	}
	if w.cluster, err = harness.StartCluster(ctx, binaries.Cluster, filepath.Join(dir, "k")); err != nil {
		return w, err
	}
	w.stop = append(w.stop, w.cluster.Stop)
	relays, stop := context.WithCancel(ctx)
	w.stop = append(w.stop, stop)
	server := strings.TrimPrefix(w.cluster.Server, "https://")
	for _, r := range []**relay{&w.ours, &w.theirs} {
		if *r, err = startRelay(relays, server); err != nil {
			return w, err
		}
		w.stop = append(w.stop, func() { _ = (*r).listener.Close() })
	}
	policy, err := harness.Policy(ctx, "https://"+w.ours.address())
	if err != nil {
		return w, err
	}
	w.stack, err = harness.Start(ctx, harness.Options{Binaries: binaries, Dir: filepath.Join(dir, "s"), Policy: policy, PolicyExtra: extra, LogLevel: "info"})
	if err != nil {
		return w, err
	}
	w.stop = append(w.stop, w.stack.Stop)
	w.address = strings.TrimSuffix(strings.TrimPrefix(w.stack.URL, "http://"), "/mcp")
	w.headers = w.cluster.Token("admin").With(kubeheader.Server, "https://"+w.ours.address()).
		Plus("Accept", "application/json, text/event-stream").Plus("MCP-Protocol-Version", "2025-11-25")
	clientset, err := kubernetes.NewForConfig(&rest.Config{
		Host: "https://" + w.theirs.address(), BearerToken: w.cluster.Users["admin"].Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(w.cluster.CA)}, QPS: -1,
	})
	if err != nil {
		return w, err
	}
	w.list = func(ctx context.Context) error {
		list, err := clientset.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 100})
		if err == nil && len(list.Items) == 0 {
			err = errors.New("the list is empty")
		}
		return err
	}
	return w, nil
}

// countRequests makes warm calls and counts what they cost: API requests by the
// API server's own audit log, and handshakes by the relay.
func (w *wayThere) countRequests(ctx context.Context, request []byte, into figures) error {
	before, connections := w.audited(), w.ours.connections.Load()
	got, err := load(ctx, w.address, request, `"structuredContent"`, 8, time.Second)
	if err != nil {
		return err
	}
	calls := float64(got.count)
	requests, handshakes := float64(w.audited()-before)/calls, float64(w.ours.connections.Load()-connections)/calls
	into["reads/warm/api-requests"] = figure{requests, perCall}
	into["reads/warm/handshakes"] = figure{handshakes, perCall}
	fmt.Printf("\nwarm call: %.2f API requests, %.2f handshakes (%d calls)\n", requests, handshakes, got.count)
	return nil
}

// audited is how many requests of the backend's are in the audit log.
func (w *wayThere) audited() int {
	return strings.Count(string(readFile(w.cluster.AuditLog)), `"userAgent":"kubernetes-mcp-edge`)
}

// countCold counts the API requests of a credential's first call, each with one
// that the backend has not seen.
func (w *wayThere) countCold(ctx context.Context, into figures) error {
	for _, first := range []struct {
		tool, arguments string
		headers         harness.Headers
	}{
		{"namespaces_list", `{}`, w.cluster.Token("alice")},
		{"resources_list", `{"apiVersion":"apps/v1","kind":"Deployment","namespace":"team-b"}`, w.cluster.Token("bob")},
		{"whoami", `{}`, w.cluster.Certificate("alice")},
		{"pods_list_in_namespace", `{"namespace":"team-b"}`, w.cluster.Certificate("bob")},
	} {
		before := w.audited()
		body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + first.tool + `","arguments":` + first.arguments + `}}`
		client := harness.NewClient(false)
		res, err := client.Post(ctx, w.stack.URL, first.headers.With(kubeheader.Server, "https://"+w.ours.address()), body)
		client.Close()
		if err != nil {
			return err
		}
		if res.Status != http.StatusOK {
			return fmt.Errorf("%s: %d %s", first.tool, res.Status, res.Body)
		}
		requests := w.audited() - before
		into["reads/cold/"+first.tool+"/api-requests"] = figure{float64(requests), perCall}
		fmt.Printf("first call of a credential, %s: %d API requests\n", first.tool, requests)
	}
	return nil
}
