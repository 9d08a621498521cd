package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const perCall = "per call"

// The two ways to the same list.
const (
	raw     = "client-go"
	through = "mcp"
)

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

// namespaces is the call whose list client-go reads too.
const namespaces = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"namespaces_list","arguments":{}}}`

// compareReads loads both ways in turn at each number of callers.
func compareReads(ctx context.Context, s settings, into figures) error {
	dir, clean, err := workDir()
	if err != nil {
		return err
	}
	defer clean()
	w, err := startWay(ctx, dir, "limits: {guard: {drain: 500ms}}\n")
	defer w.close()
	if err != nil {
		return err
	}
	request := requestOf(w.headers, namespaces)
	processes := w.processes()
	for _, callers := range []int{1, 8, 64} {
		samples := map[string][]sample{}
		costs := map[string]map[string]float64{raw: {}, through: {}}
		for round := range s.rounds + 1 {
			for _, i := range rand.Perm(2) { //nolint:gosec // an order, not a secret
				name := []string{raw, through}[i]
				before := spend(processes)
				got, err := w.load(ctx, name, request, callers, s.slice)
				if err != nil {
					return fmt.Errorf("%s at %d callers: %w", name, callers, err)
				}
				if round == 0 { // it warms up
					continue
				}
				samples[name] = append(samples[name], got)
				for process, us := range spend(processes) {
					costs[name][process] += us - before[process]
				}
			}
		}
		reportReads(callers, samples, into)
		reportCosts(callers, samples, costs, into)
	}
	if err := w.countRequests(ctx, request, into); err != nil {
		return err
	}
	return w.countCold(ctx, into)
}

func (w *wayThere) load(ctx context.Context, name string, request []byte, callers int, slice time.Duration) (sample, error) {
	if name == through {
		return load(ctx, w.address, request, `"structuredContent"`, callers, slice)
	}
	ctx, cancel := context.WithTimeout(ctx, slice+10*time.Second)
	defer cancel()
	latencies, errs := make([][]time.Duration, callers), make([]error, callers)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range callers {
		wg.Go(func() {
			for now := time.Now(); now.Before(begin.Add(slice)) && errs[i] == nil; {
				errs[i] = w.list(ctx)
				done := time.Now()
				latencies[i] = append(latencies[i], done.Sub(now))
				now = done
			}
		})
	}
	wg.Wait()
	return summarize(slices.Concat(latencies...), time.Since(begin)), errors.Join(errs...)
}

// reportReads prints one line per way and adds the figures.
func reportReads(callers int, samples map[string][]sample, into figures) {
	fmt.Printf("\nnamespaces_list, %d callers, medians of %d\n%-14s %10s %9s %9s\n", callers, len(samples[raw]), "way", "req/s", "p50 us", "p99 us")
	fields := map[string]func(sample) float64{
		"rate": func(s sample) float64 { return s.rate }, "p50": func(s sample) float64 { return s.p50 }, "p99": func(s sample) float64 { return s.p99 },
	}
	prefix := fmt.Sprintf("reads/%d/", callers)
	for _, name := range []string{raw, through} {
		for field, of := range fields {
			n := len(samples[name])
			values, ratios := make([]float64, 0, n), make([]float64, 0, n)
			for i, s := range samples[name] {
				values, ratios = append(values, of(s)), append(ratios, of(s)/of(samples[raw][i]))
			}
			unit := map[string]string{"rate": "requests/s", "p50": "us", "p99": "us"}[field]
			into[prefix+name+"/"+field] = figure{median(values), unit}
			if name == through {
				into[prefix+name+"/"+field+"-to-client-go"] = figure{median(ratios), unitRatio}
			}
		}
		fmt.Printf("%-14s %10.0f %9.0f %9.0f\n", name, into[prefix+name+"/rate"].Value, into[prefix+name+"/p50"].Value, into[prefix+name+"/p99"].Value)
	}
	fmt.Printf("of client-go: rate %.2f, p50 %.2f, p99 %.2f\n", into[prefix+through+"/rate-to-client-go"].Value,
		into[prefix+through+"/p50-to-client-go"].Value, into[prefix+through+"/p99-to-client-go"].Value)
}

// reportCosts prints where the processor's time of a call went.
func reportCosts(callers int, samples map[string][]sample, costs map[string]map[string]float64, into figures) {
	for _, name := range []string{raw, through} {
		calls := 0
		for _, s := range samples[name] {
			calls += s.count
		}
		fmt.Printf("processor time of a call, %s:", name)
		for _, process := range slices.Sorted(maps.Keys(costs[name])) {
			us := costs[name][process] / float64(calls)
			into[fmt.Sprintf("reads/%d/%s/cpu/%s", callers, name, process)] = figure{us, "us"}
			fmt.Printf(" %s %.0f", process, us)
		}
		fmt.Println(" us")
	}
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
