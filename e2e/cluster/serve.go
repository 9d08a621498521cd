package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
)

// startLimit bounds the whole start. It takes a few seconds on an idle machine.
const startLimit = 90 * time.Second

// cluster is a control plane that is being started or runs.
type cluster struct {
	layout
	options   options
	say       func(format string, args ...any)
	began     time.Time
	launcher  *launcher
	authority authority
	users     []user
	apiPort   reserved
}

// serve starts everything, says so, and stops everything when ctx ends or a
// component does.
func serve(ctx context.Context, o options, stdout io.Writer) (err error) {
	l, cleanUp, err := prepare(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	began := time.Now()
	c := &cluster{layout: l, options: o, began: began, launcher: newLauncher(l)}
	c.say = func(format string, args ...any) {
		_, _ = fmt.Fprintf(stdout, "%-24s %5.1fs\n", fmt.Sprintf(format, args...), time.Since(began).Seconds())
	}
	defer func() { err = errors.Join(err, c.launcher.stop()) }()

	starting, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %s", startLimit))
	defer cancel()
	if err := c.start(starting); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it was ready
		}
		return errors.Join(err, c.launcher.failure())
	}
	select {
	case <-ctx.Done():
		return nil
	case <-c.launcher.ended():
		return c.launcher.failure()
	}
}

// start returns when the cluster is ready for callers.
func (c *cluster) start(ctx context.Context) error {
	ctx, cancel := c.launcher.whileAllRun(ctx)
	defer cancel()
	var err error
	if c.apiPort, err = reserve(c.options.port); err != nil {
		return err
	}
	if err := c.credentials(); err != nil {
		return err
	}
	if err := c.kubeconfigs(); err != nil {
		return err
	}
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if err := c.startControllers(ctx, client); err != nil {
		return err
	}
	if err := c.deploy(ctx, client); err != nil {
		return err
	}
	if err := c.report(); err != nil {
		return err
	}
	c.say("ready")
	return nil
}

// startControllers starts all that works through the API server, and meanwhile
// makes the tenants' namespaces.
func (c *cluster) startControllers(ctx context.Context, client kubernetes.Interface) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.seed(ctx, client) })
	if !c.options.apiserverOnly {
		group.Go(func() error { return c.startKwok(ctx, client) })
		group.Go(func() error { return c.startControllerManager(ctx) })
		group.Go(func() error { return c.startScheduler(ctx) })
	}
	return group.Wait()
}

// layout knows where things are in the directory.
type layout struct{ dir string }

func (l layout) file(elem ...string) string {
	return filepath.Join(append([]string{l.dir}, elem...)...)
}

// write stores what only this user may read.
func (l layout) write(name string, content []byte) error {
	return os.WriteFile(l.file(name), content, 0o600)
}

// prepare makes the directory ready, and says how to clean up after.
func prepare(dir string) (layout, func() error, error) {
	keep := func() error { return nil }
	if dir == "" {
		dir, err := os.MkdirTemp("", "cluster-")
		return layout{dir}, func() error { return os.RemoveAll(dir) }, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, keep, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return layout{}, keep, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return layout{}, keep, err
	}
	if len(entries) > 0 {
		return layout{}, keep, fmt.Errorf("%s is not empty: another cluster runs there or left its state; name an empty directory", dir)
	}
	return layout{dir}, keep, nil
}
