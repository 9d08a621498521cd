package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apiserver/pkg/util/flushwriter"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	core "k8s.io/kubernetes/pkg/apis/core/v1"
	utilexec "k8s.io/utils/exec"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/kwok/server"
)

// kubeletClient is the name in the certificate with which the API server calls
// kubelets. The authority signs for tenants too, so the name is looked at.
const kubeletClient = "kube-apiserver-kubelet-client"

// kubelet answers the API server for every node: it serves the logs from a file
// and runs commands on this machine, as this user. Who they are let in by is
// the API server alone.
type kubelet struct{ pods *server.Server }

// serveKubelet serves until ctx ends. The working directory is the cluster's.
func serveKubelet(ctx context.Context, port string) error {
	pods, err := server.NewServer(podRules())
	if err != nil {
		return err
	}
	config, err := kubeletTLS()
	if err != nil {
		return err
	}
	share := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) // the parent reserved the port
		}), err)
	}}
	listener, err := share.Listen(ctx, "tcp4", net.JoinHostPort(loopback, port))
	if err != nil {
		return err
	}
	http1 := new(http.Protocols)
	http1.SetHTTP1(true) // exec takes the connection over
	s := &http.Server{
		Handler: kubelet{pods}.routes(), TLSConfig: config, Protocols: http1,
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// kubeletTLS lets in the API server and nobody else.
func kubeletTLS() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(servingCertificateFile, servingKeyFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(authorityFile)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	if !clients.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", authorityFile)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		VerifyConnection: func(s tls.ConnectionState) error {
			if name := s.PeerCertificates[0].Subject.CommonName; name != kubeletClient {
				return fmt.Errorf("%q is not the API server", name)
			}
			return nil
		},
	}, nil
}

// podRules say what logs and exec do, for each tenant's Pods.
func podRules() server.Config {
	var rules server.Config
	work, _ := filepath.Abs(podDir) // fails only without a working directory
	for _, u := range people()[1:] {
		pods := &internalversion.ObjectSelector{MatchNamespaces: []string{u.namespace}}
		rules.ClusterLogs = append(rules.ClusterLogs, &internalversion.ClusterLogs{Spec: internalversion.ClusterLogsSpec{
			Selector: pods,
			Logs:     []internalversion.Log{{LogsFile: logFile(u.namespace, false), PreviousLogsFile: logFile(u.namespace, true)}},
		}})
		rules.ClusterExecs = append(rules.ClusterExecs, &internalversion.ClusterExec{Spec: internalversion.ClusterExecSpec{
			Selector: pods,
			Execs: []internalversion.ExecTarget{{Local: &internalversion.ExecTargetLocal{
				WorkDir: work,
				Envs:    []internalversion.EnvVar{{Name: "POD_NAMESPACE", Value: u.namespace}},
			}}},
		}})
	}
	return rules
}

// routes are the paths of a kubelet that the API server calls for kubectl logs
// and kubectl exec.
func (k kubelet) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.logs)
	mux.HandleFunc("GET /exec/{namespace}/{pod}/{container}", k.exec) // WebSocket
	mux.HandleFunc("POST /exec/{namespace}/{pod}/{container}", k.exec)
	return mux
}

func (k kubelet) logs(w http.ResponseWriter, r *http.Request) {
	var options corev1.PodLogOptions
	query := r.URL.Query()
	err := core.Convert_url_Values_To_v1_PodLogOptions(&query, &options, nil)
	if err == nil {
		out := flushwriter.Wrap(w)
		err = k.pods.GetContainerLogs(r.Context(), r.PathValue("pod"), r.PathValue("namespace"), r.PathValue("container"), &options, out, out)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// ExecInContainer runs a command by kwok's rules. kwok hides the exit status in
// an error of its own, in which nobody finds it.
func (k kubelet) ExecInContainer(ctx context.Context, name, uid, container string, cmd []string, in io.Reader, out, stderr io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, timeout time.Duration) error {
	err := k.pods.ExecInContainer(ctx, name, uid, container, cmd, in, out, stderr, tty, resize, timeout)
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return utilexec.CodeExitError{Err: ended, Code: ended.ExitCode()}
	}
	return err
}

// The limits of kwok's own server.
const (
	execIdle   = time.Hour
	execCreate = 30 * time.Second
)

func (k kubelet) exec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err == nil && !httpstream.IsUpgradeRequest(r) {
		err = errors.New("exec needs an upgrade of the connection")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	remotecommand.ServeExec(w, r, k, r.PathValue("pod")+"/"+r.PathValue("namespace"), "", r.PathValue("container"),
		r.URL.Query()["command"], options, execIdle, execCreate, remotecommand.SupportedStreamingProtocols)
}
