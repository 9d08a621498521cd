package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	loopback = "127.0.0.1"
	// pollEvery is how often a component that is not ready is asked again.
	pollEvery = 50 * time.Millisecond
)

// url is the API server's.
func (c *cluster) url() string { return "https://" + loopback + ":" + c.apiPort.String() }

func (c *cluster) startAPIServer(ctx context.Context) error {
	err := c.launcher.start(apiserverName,
		"--etcd-servers="+etcdURL,
		"--bind-address="+loopback,
		"--advertise-address="+loopback,
		"--secure-port="+c.apiPort.String(),
		"--permit-port-sharing",
		"--endpoint-reconciler-type=none", // a loopback address is no legal endpoint
		"--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file="+servingCertificateFile,
		"--tls-private-key-file="+servingKeyFile,
		"--client-ca-file="+authorityFile,
		"--token-auth-file="+tokenFile,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+accountKeyFile,
		"--service-account-signing-key-file="+accountKeyFile,
		"--authorization-mode=RBAC",
		"--kubelet-preferred-address-types=InternalIP", // the default is the host name, which nobody resolves
		"--kubelet-certificate-authority="+authorityFile,
		"--kubelet-client-certificate="+kubeletClientFile,
		"--kubelet-client-key="+kubeletClientKeyFile,
		"--audit-policy-file="+auditPolicyFile,
		"--audit-log-path="+auditLogFile,
		"--audit-log-mode=blocking", // what was answered is in the file
		"--profiling=false",
	)
	if err != nil {
		return err
	}
	return c.healthy(ctx, apiserverName, c.apiPort, "/readyz")
}

func (c *cluster) startControllerManager(ctx context.Context) error {
	return c.startClient(ctx, controllerManagerName,
		"--service-account-private-key-file="+accountKeyFile,
		"--root-ca-file="+authorityFile,
		"--use-service-account-credentials",
	)
}

func (c *cluster) startScheduler(ctx context.Context) error {
	return c.startClient(ctx, schedulerName)
}

// startClient starts a component that works through the API server, as itself.
func (c *cluster) startClient(ctx context.Context, name string, args ...string) error {
	port, err := reserve(0)
	if err != nil {
		return err
	}
	kubeconfig, err := c.componentKubeconfig(name, "")
	if err != nil {
		return err
	}
	err = c.launcher.start(name, append(args,
		"--kubeconfig="+kubeconfig,
		"--authentication-kubeconfig="+kubeconfig,
		"--authorization-kubeconfig="+kubeconfig,
		"--authentication-skip-lookup", // nobody but this program asks them anything
		"--authorization-always-allow-paths=/healthz",
		"--kube-api-qps=1000", // the default is a gentle 20: a start would take seconds more
		"--kube-api-burst=1000",
		"--leader-elect=false", // there is one
		"--bind-address="+loopback,
		"--secure-port="+port.String(),
		"--permit-port-sharing",
		"--tls-cert-file="+servingCertificateFile,
		"--tls-private-key-file="+servingKeyFile,
		"--profiling=false",
	)...)
	if err != nil {
		return err
	}
	return c.healthy(ctx, name, port, "/healthz")
}

// healthy waits until the endpoint answers 200, and says so.
func (c *cluster) healthy(ctx context.Context, name string, port reserved, path string) error {
	roots := x509.NewCertPool()
	roots.AddCert(c.authority.certificate)
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}
	defer client.CloseIdleConnections()
	err := until(ctx, name, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+loopback+":"+port.String()+path, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK {
			err = errors.New(path + " answers " + strconv.Itoa(response.StatusCode))
		}
		return errors.Join(err, response.Body.Close())
	})
	if err == nil {
		c.say("%s", name)
	}
	return err
}

// until asks again and again until ready returns nil or ctx ends. The error
// holds the last answer.
func until(ctx context.Context, name string, ready func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last: %w)", name, context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
