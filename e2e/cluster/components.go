package main

import (
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// The names under which this program runs again as a component.
const (
	etcdName              = "etcd"
	apiserverName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
)

// components maps a first argument to what the program then is.
func components() map[string]func(args []string) int {
	kubernetes := func(command func() *cobra.Command) func([]string) int {
		return func(args []string) int {
			c := command()
			c.SetArgs(args)
			return cli.Run(c)
		}
	}
	return map[string]func([]string) int{
		etcdName:              etcd,
		apiserverName:         kubernetes(apiserver.NewAPIServerCommand),
		controllerManagerName: kubernetes(controllermanager.NewControllerManagerCommand),
		schedulerName:         kubernetes(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	}
}

// etcd runs one member in args[0] with its client port args[1] and its peer
// port args[2]. Nothing is synced to disk: a cluster does not outlive its run.
func etcd(args []string) int {
	client, peer := url.URL{Scheme: "http", Host: "127.0.0.1:" + args[1]}, url.URL{Scheme: "http", Host: "127.0.0.1:" + args[2]}
	cfg := embed.NewConfig()
	cfg.Dir = args[0]
	cfg.UnsafeNoFsync = true
	cfg.LogLevel = "warn"
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	select {
	case <-stop:
		e.Close()
		return 0
	case err := <-e.Err():
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
}

func apiserverFlags(dir, etcdPort, port string) []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:" + etcdPort,
		"--bind-address=127.0.0.1", "--secure-port=" + port,
		// The loopback address is no endpoint that a service may have.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + dir + "/serving.crt", "--tls-private-key-file=" + dir + "/serving.key",
		"--client-ca-file=" + dir + "/client-ca.crt", "--token-auth-file=" + dir + "/tokens.csv",
		"--authorization-mode=RBAC", "--anonymous-auth=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + dir + "/service-account.crt",
		"--service-account-signing-key-file=" + dir + "/service-account.key",
		"--service-cluster-ip-range=10.96.0.0/16",
	}
}

// controllerFlags are those that the two controllers share.
func controllerFlags(dir, port string) []string {
	kubeconfig := dir + "/admin.kubeconfig"
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--leader-elect=false",
		"--tls-cert-file=" + dir + "/serving.crt", "--tls-private-key-file=" + dir + "/serving.key",
	}
}

func controllerManagerFlags(dir, port string) []string {
	return append(controllerFlags(dir, port),
		"--root-ca-file="+dir+"/serving-ca.crt",
		"--service-account-private-key-file="+dir+"/service-account.key",
	)
}
