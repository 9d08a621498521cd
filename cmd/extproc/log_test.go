package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
	"kubernetes-mcp-edge/extproc/trial"
)

// TestLogThatNobodyTakes: whatever becomes of standard error, each request gets
// the verdict that it would get otherwise, and the guard ends when it is told to.
func TestLogThatNobodyTakes(t *testing.T) {
	for name, stderr := range trial.UselessFiles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for a pipe that nobody empties
			dir, to := t.TempDir(), stderr(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan int, 1)
			flags := guardFlags(t, dir)
			go func() { ended <- run(ctx, flags, os.Getenv, io.Discard, to) }()
			defer stop()

			client := connect(t, filepath.Join(dir, "guard.sock"))
			good := []*corev3.HeaderValue{
				field("x-forwarded-proto", "https"), field(kubeheader.Server, "https://api.example.com"), field(kubeheader.Authorization, "abc"),
				field(kubeheader.CertificateAuthority, base64.StdEncoding.EncodeToString(trial.NewAuthority(t).CertificatePEM())),
			}
			const requests = 640 // each is a line at debug level: more than a kernel's pipe holds
			for range requests {
				require.Equal(t, "allow", ask(t, client, good...))
				require.Equal(t, "reject", ask(t, client, good[:3]...))
			}
			require.Contains(t, metrics(t, filepath.Join(dir, "admin.sock")),
				fmt.Sprintf("\nkube_guard_decisions_total{reason=\"certificate-authority-missing\",verdict=\"reject\"} %d\n", requests))
			stop()
			patience := time.NewTimer(20 * time.Second)
			defer patience.Stop()
			select {
			case status := <-ended:
				require.Equal(t, exitOK, status)
			case <-patience.C:
				require.Fail(t, "the guard does not end")
			}
		})
	}
}

// guardFlags are those of a guard with its files and sockets in dir.
func guardFlags(t *testing.T, dir string) []string {
	t.Helper()
	key, err := proof.GenerateSigningKey(time.Time{})
	require.NoError(t, err)
	content, err := proof.EncodeSigningKeys(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.pem"), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\n"+
		"hosts: {suffixes: [.example.com]}\nlimits: {guard: {drain: 100ms}}\n"), 0o600))
	return []string{
		"--policy=" + filepath.Join(dir, "policy.yaml"), "--signing-key=" + filepath.Join(dir, "keys.pem"), "--log-level=debug",
		"--listen=unix:" + filepath.Join(dir, "guard.sock"), "--admin=unix:" + filepath.Join(dir, "admin.sock"),
	}
}

func connect(t *testing.T, socket string) extprocv3.ExternalProcessorClient {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return extprocv3.NewExternalProcessorClient(conn)
}

func field(name, value string) *corev3.HeaderValue {
	return &corev3.HeaderValue{Key: name, RawValue: []byte(value)}
}

// ask is one request without a body; it returns the verdict.
func ask(t *testing.T, client extprocv3.ExternalProcessorClient, lines ...*corev3.HeaderValue) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := client.Process(ctx)
	require.NoError(t, err)
	require.NoError(t, stream.Send(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{
		RequestHeaders: &extprocv3.HttpHeaders{Headers: &corev3.HeaderMap{Headers: lines}, EndOfStream: true},
	}}))
	answer, err := stream.Recv()
	require.NoError(t, err)
	if answer.GetImmediateResponse() != nil {
		return "reject"
	}
	require.NotEmpty(t, answer.GetRequestHeaders().GetResponse().GetHeaderMutation().GetSetHeaders())
	return "allow"
}

func metrics(t *testing.T, socket string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	response, err := (&http.Client{Transport: transport}).Get("http://localhost/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return strings.TrimSpace(string(text)) + "\n"
}
