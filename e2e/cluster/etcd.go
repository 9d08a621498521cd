package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcd listens on Unix sockets in the cluster's directory, which only this user
// may enter: no port, no certificates. Relative, because an absolute path may
// exceed the 108 bytes of a socket address; every child's working directory is
// the cluster's.
const (
	etcdSocket = "etcd.sock"
	peerSocket = "peer.sock"
	etcdURL    = "unix://" + etcdSocket
)

// runEtcd is the etcd process.
func runEtcd() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serveEtcd(ctx); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func serveEtcd(ctx context.Context) error {
	client, peer := url.URL{Scheme: "unix", Host: etcdSocket}, url.URL{Scheme: "unix", Host: peerSocket}
	config := embed.NewConfig()
	config.Dir = "etcd"
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.Name = "cluster"
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.LogLevel = "warn"
	config.UnsafeNoFsync = true // the data does not outlive the process
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer etcd.Close()
	select {
	case <-ctx.Done():
		return nil
	case <-etcd.Server.StopNotify():
		return fmt.Errorf("etcd stopped")
	case err := <-etcd.Err():
		return err
	}
}

// startEtcd returns when etcd accepts connections. kube-apiserver asks it for
// more, and waits.
func (c *cluster) startEtcd(ctx context.Context) error {
	if err := c.launcher.start(etcdName); err != nil {
		return err
	}
	err := until(ctx, etcdName, func(ctx context.Context) error {
		// Short path: the child's directory is reached through /proc, since this
		// process keeps its own working directory.
		path := fmt.Sprintf("/proc/%d/cwd/%s", c.launcher.pid(etcdName), etcdSocket)
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err == nil {
		c.say(etcdName)
	}
	return err
}
