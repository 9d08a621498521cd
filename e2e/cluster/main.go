// Command cluster is a Kubernetes cluster in one program: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler and kwok, each in a process of its own
// (they own global flags), started and stopped as one. It listens on loopback
// only, keeps all state in one directory, and holds an admin, two tenants and a
// few objects for tests and demonstrations to work on.
//
// The nodes are kwok's: Pods become Running and no container ever starts.
// kubectl logs reads a file that is the same for all Pods of a tenant. kubectl
// exec runs the command for real, on this machine, as the user who started the
// program; the API server decides who may, and only it is let in.
//
// Linux only: children die with their parent by PR_SET_PDEATHSIG.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// The components, by the name under which this program runs as each of them.
const (
	etcdName              = "etcd"
	apiserverName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	kwokName              = "kwok"
)

func main() {
	if len(os.Args) > 1 && isComponent(os.Args[1]) {
		os.Exit(runComponent(os.Args[1], os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process, and with it every child
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func isComponent(name string) bool {
	return slices.Contains([]string{etcdName, apiserverName, controllerManagerName, schedulerName, kwokName}, name)
}

// runComponent is what a child does.
func runComponent(name string, args []string) int {
	dieWithParent()
	os.Args = append([]string{name}, args...) // the commands read it themselves
	switch name {
	case apiserverName:
		return cli.Run(apiserver.NewAPIServerCommand())
	case controllerManagerName:
		return cli.Run(controllermanager.NewControllerManagerCommand())
	case schedulerName:
		return cli.Run(scheduler.NewSchedulerCommand())
	case kwokName:
		return runKwok()
	default:
		return runEtcd()
	}
}

// options are the command line.
type options struct {
	dir           string
	name          string
	port          uint
	apiserverOnly bool
}

// run is the parent: it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "empty `directory` for all state; cluster.json in it tells how to connect (default: a temporary one, removed at the end)")
	flags.StringVar(&o.name, "name", "main", "`name` of the cluster, in its CA's name and in the tenants' objects")
	flags.UintVar(&o.port, "port", 0, "`port` of the API server on 127.0.0.1 (default: a free one)")
	flags.BoolVar(&o.apiserverOnly, "apiserver-only", false, "start only etcd and kube-apiserver: no controllers, no scheduler, no nodes, no Pods")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "cluster: %q is not an option; try --help\n", flags.Arg(0))
		return 2
	}
	if problems := validation.IsDNS1123Label(o.name); len(problems) > 0 {
		_, _ = fmt.Fprintf(stderr, "cluster: --name: %q is no name for a cluster: %s\n", o.name, problems[0])
		return 2
	}
	if err := serve(ctx, o, stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "cluster: %v\n", err)
		return 1
	}
	return 0
}
