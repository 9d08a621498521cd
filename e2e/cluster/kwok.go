package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

// kwok plays the nodes: it keeps them Ready and moves Pods through their life,
// without containers. What a node answers to kubectl logs and kubectl exec is
// the work of kubelet.go.
const (
	stagesFile = "stages.yaml"
	// podDir is the working directory of commands that run "in a Pod".
	podDir  = "pod"
	logsDir = "pod-logs"
)

// nodeNames are the nodes.
func nodeNames() []string { return []string{"node-1", "node-2"} }

// runKwok is the kwok process: kwok's own command, and beside it the kubelet.
func runKwok() int {
	ctx := signals.SetupSignalContext()
	if err := serveKwok(ctx); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveKwok(ctx context.Context) error {
	// kwok reads its configuration before its command line is parsed, so this
	// set passes over flags that are not its own.
	flags := pflag.NewFlagSet(kwokName, pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	port := flags.String("kubelet-port", "", "port of the kubelet")
	ctx, _ = log.InitFlags(ctx, flags)
	ctx, err := config.InitFlags(ctx, flags)
	if err != nil {
		return err
	}
	// The other components of this program put flags of theirs here, --version
	// among them, on which kwok's command stumbles.
	pflag.CommandLine = pflag.NewFlagSet(kwokName, pflag.ContinueOnError)
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveKubelet(ctx, *port) })
	group.Go(func() error { return command.ExecuteContext(ctx) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// startKwok starts the nodes and returns when Pods may be put on them.
func (c *cluster) startKwok(ctx context.Context, client kubernetes.Interface) error {
	port, err := reserve(0)
	if err != nil {
		return err
	}
	kubeconfig, err := c.componentKubeconfig(kwokName, "system:masters") // it stands for every kubelet
	if err != nil {
		return err
	}
	if err := c.podFiles(); err != nil {
		return err
	}
	stages, err := stages()
	if err != nil {
		return err
	}
	if err := c.write(stagesFile, stages); err != nil {
		return err
	}
	for _, name := range nodeNames() {
		if _, err := client.CoreV1().Nodes().Create(ctx, node(name, port), metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
	}
	err = c.launcher.start(kwokName,
		"--manage-all-nodes",
		"--kubeconfig="+kubeconfig,
		"--config="+stagesFile,
		"--node-ip="+loopback,
		"--cidr=10.244.0.1/24", // of the Pods; nothing is reachable there
		"--enable-crds=",
		// Neither --node-port nor --server-address: kwok's own server lets whoever
		// reaches the port, a page in a browser included, run commands.
		"--kubelet-port="+port.String(),
	)
	if err != nil {
		return err
	}
	if err := until(ctx, kwokName, func(ctx context.Context) error { return nodesReady(ctx, client) }); err != nil {
		return err
	}
	c.say(kwokName)
	return nil
}

// node is as a kubelet registers itself.
func node(name string, port reserved) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("4"),
		corev1.ResourceMemory: resource.MustParse("16Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"}},
		Status: corev1.NodeStatus{
			Capacity: capacity, Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: loopback}, {Type: corev1.NodeHostName, Address: name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: int32(port)}},
		},
	}
}

func nodesReady(ctx context.Context, client kubernetes.Interface) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := 0
	for _, n := range nodes.Items {
		// A new node is tainted until the node lifecycle controller has seen it Ready.
		isReady := func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}
		if len(n.Spec.Taints) == 0 && slices.ContainsFunc(n.Status.Conditions, isReady) {
			ready++
		}
	}
	if want := len(nodeNames()); ready != want {
		return fmt.Errorf("%d of %d nodes are Ready", ready, want)
	}
	return nil
}

// podFiles makes what logs and exec work on.
func (c *cluster) podFiles() error {
	for _, dir := range []string{podDir, logsDir} {
		if err := os.Mkdir(c.file(dir), 0o700); err != nil {
			return err
		}
	}
	for _, u := range c.users[1:] {
		for _, previous := range []bool{false, true} {
			if err := c.write(logFile(u.namespace, previous), podLog(u.namespace, previous)); err != nil {
				return err
			}
		}
	}
	return nil
}

// logFile is the log of every container in a namespace.
func logFile(namespace string, previous bool) string {
	if previous {
		return logsDir + "/" + namespace + ".previous.log"
	}
	return logsDir + "/" + namespace + ".log"
}

// podLogLines is how many lines a log has: more than anybody wants to read.
const podLogLines = 200

// podLog is a log in the format of the container runtime interface. Each line
// says whose it is, every tenth came from standard error.
func podLog(namespace string, previous bool) []byte {
	verb := "answered"
	if previous {
		verb = "answered, before the restart,"
	}
	var out strings.Builder
	for i := 1; i <= podLogLines; i++ {
		stream, level := "stdout", "info"
		if i%10 == 0 {
			stream, level = "stderr", "error"
		}
		_, _ = fmt.Fprintf(&out, "2026-01-02T03:%02d:%02d.000000000Z %s F %s web of %s %s request %d\n", i/60, i%60, stream, level, namespace, verb, i)
	}
	return []byte(out.String())
}
