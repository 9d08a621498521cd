package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	_ = embed.NewConfig
	switch os.Args[1] {
	case "a":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "c":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "s":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	}
}
