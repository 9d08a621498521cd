package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/structpb"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The names under which this program runs again as a part of a rung.
const (
	noopCommand   = "noop"
	originCommand = "origin"
)

// noop is an ext_proc server that looks at nothing and always lets through.
type noop struct {
	extprocv3.UnimplementedExternalProcessorServer

	answer *extprocv3.ProcessingResponse
}

// Process answers the header message and is done.
func (n *noop) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	return stream.Send(n.answer)
}

// serveNoop serves until ctx ends: args are the socket and the kind of answer.
func serveNoop(ctx context.Context, args []string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "unix", args[0])
	if err != nil {
		return err
	}
	answer := &extprocv3.CommonResponse{}
	response := &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{Response: answer}}}
	if args[1] == noopConstant {
		constant(answer, response)
	}
	server := grpc.NewServer()
	extprocv3.RegisterExternalProcessorServer(server, &noop{answer: response})
	probes := health.NewServer()
	for service := range server.GetServiceInfo() {
		probes.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(server, probes)
	context.AfterFunc(ctx, server.Stop)
	return server.Serve(l)
}

// constant makes the answer as large as the guard's to the load's headers: the
// three headers of a proof with values as long, and the metadata.
func constant(answer *extprocv3.CommonResponse, response *extprocv3.ProcessingResponse) {
	sizes := map[string]int{kubeheader.Fingerprint: 43, kubeheader.SignatureInput: 267, kubeheader.Signature: 95}
	answer.HeaderMutation = &extprocv3.HeaderMutation{}
	for name, size := range sizes {
		answer.HeaderMutation.SetHeaders = append(answer.HeaderMutation.SetHeaders, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: name, RawValue: []byte(strings.Repeat("c", size))},
		})
	}
	fields := map[string]*structpb.Value{
		"verdict": structpb.NewStringValue("allow"), "reason": structpb.NewStringValue(""), "credential": structpb.NewStringValue("token"),
	}
	response.DynamicMetadata = &structpb.Struct{Fields: map[string]*structpb.Value{
		"kube_guard": structpb.NewStructValue(&structpb.Struct{Fields: fields}),
	}}
}

func startNoop(ctx context.Context, dir, kind string) (p *harness.Process, address string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	socket := filepath.Join(dir, kind+".sock")
	p, err = harness.Spawn(ctx, dir, kind, func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err != nil {
			return err
		}
		return c.Close()
	}, self, noopCommand, socket, kind)
	return p, "unix:" + socket, err
}

// serveOrigin answers every request at once, in place of the backend.
func serveOrigin(ctx context.Context, args []string) error {
	body := []byte(`{"jsonrpc":"2.0","id":1,"result":{}}`)
	server := &http.Server{
		Addr: args[0], ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		}),
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func startOrigin(ctx context.Context, dir string) (p *harness.Process, address string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	port, err := harness.FreePort()
	if err != nil {
		return nil, "", err
	}
	address = fmt.Sprintf("127.0.0.1:%d", port)
	p, err = harness.Spawn(ctx, dir, originCommand, func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}, self, originCommand, address)
	return p, address, err
}

// authorityDER is a certificate as a CA might be, as DER.
func authorityDER() []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil
	}
	return der
}
