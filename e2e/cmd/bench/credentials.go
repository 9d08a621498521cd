package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

const (
	// credentials is how many credentials come in turn, and pooled how many
	// clients the backend may keep of them.
	credentials = 10_000
	pooled      = 2000
)

// newTokens are n tokens of one service account, all different, that are good for
// an hour.
func (w *wayThere) newTokens(ctx context.Context, n int) ([]string, error) {
	admin, err := kubernetes.NewForConfig(&rest.Config{
		Host: w.cluster.Server, BearerToken: w.cluster.Users["admin"].Token,
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(w.cluster.CA)}, QPS: -1,
	})
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, n)
	for range n {
		answer, err := admin.CoreV1().ServiceAccounts("team-a").CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			return nil, err
		}
		out = append(out, answer.Status.Token)
	}
	if distinct := len(slices.Compact(slices.Sorted(slices.Values(out)))); distinct != n {
		return nil, errors.New("the API server gave the same token twice")
	}
	return out, nil
}

// watchCredentials lets many credentials, each with a client of its own, call in
// turn, and looks how much memory the backend has.
func watchCredentials(ctx context.Context, into figures) error {
	dir, clean, err := workDir()
	if err != nil {
		return err
	}
	defer clean()
	w, err := startWay(ctx, dir, fmt.Sprintf("limits: {guard: {drain: 500ms}, backend: {clients: %d, newcomersPerSecond: 100000}}\n", pooled))
	defer w.close()
	if err != nil {
		return err
	}
	tokens, err := w.newTokens(ctx, credentials)
	if err != nil {
		return err
	}
	// A kind of another group than the core's makes the backend ask for it.
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"resources_list","arguments":{"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","namespace":"team-a"}}}`
	client := harness.NewClient(false)
	defer client.Close()
	most := 0
	begun := time.Now()
	for round := range 2 { // the second call of a credential is what makes a client worth keeping
		for i, token := range tokens {
			headers := w.headers.With(kubeheader.Authorization, "Bearer "+token).Without("Accept")
			res, err := client.Post(ctx, w.stack.URL, headers, body)
			if err != nil {
				return err
			}
			if !strings.Contains(string(res.Body), `"result"`) {
				return fmt.Errorf("credential %d, call %d: %d %s", i, round+1, res.Status, res.Body)
			}
			if i%100 == 0 {
				size, err := w.stack.MCPBackend.Memory()
				if err != nil {
					return err
				}
				most = max(most, size)
			}
		}
	}
	into["credentials/count"] = figure{float64(len(tokens)), "credentials"}
	into["credentials/memory"] = figure{float64(most) / (1 << 20), unitMiB}
	fmt.Printf("\n%d credentials, each called twice in %s with a pool of %d clients: the backend had at most %d MiB\n",
		len(tokens), time.Since(begun).Round(time.Second), pooled, most>>20)
	return nil
}

// readFile is what is in the file now.
func readFile(path string) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return text
}
