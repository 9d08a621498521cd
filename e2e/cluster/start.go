package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

type options struct {
	dir      string
	apiOnly  bool
	progress io.Writer
}

// cluster is a running control plane.
type cluster struct {
	options
	Description

	client    *http.Client // trusts the cluster's CA
	mu        sync.Mutex   // guards processes and the progress writer
	processes []*process   // in the order they were started
	died      chan error   // the first component that ended by itself
	stopping  chan struct{}
}

// startTimeout bounds a start on a slow machine; a usual one takes seconds.
const startTimeout = 90 * time.Second

// start brings everything up and returns once each component has said that it
// is ready and the tenants' objects are there. On an error nothing is left running.
func start(ctx context.Context, o options) (*cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c := &cluster{options: o, died: make(chan error, 1), stopping: make(chan struct{})}
	if err := c.bringUp(ctx); err != nil {
		c.stop()
		return nil, fmt.Errorf("%w (logs are in %s)", err, c.dir)
	}
	return c, nil
}

func (c *cluster) bringUp(ctx context.Context) error {
	port, err := c.prepare()
	if err != nil {
		return err
	}
	etcdPort, err := freePort()
	if err != nil {
		return err
	}
	peerPort, err := freePort()
	if err != nil {
		return err
	}
	if err := c.launch(ctx, etcdName, "http://127.0.0.1:"+etcdPort+"/health",
		filepath.Join(c.dir, "etcd"), etcdPort, peerPort); err != nil {
		return err
	}
	if err := c.launch(ctx, apiserverName, c.Server+"/readyz", apiserverFlags(c.dir, etcdPort, port)...); err != nil {
		return err
	}
	steps := []func(context.Context) error{c.seed}
	if !c.apiOnly {
		steps = append(steps, c.controller(controllerManagerName, controllerManagerFlags), c.controller(schedulerName, controllerFlags))
	}
	if err := together(ctx, steps...); err != nil {
		return err
	}
	if !c.apiOnly {
		if err := c.settled(ctx); err != nil {
			return err
		}
	}
	return c.Description.write(c.dir)
}

// together runs all steps at once and waits for all.
func together(ctx context.Context, steps ...func(context.Context) error) error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i, step := range steps {
		wg.Go(func() { errs[i] = step(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// prepare makes the directory, all keys and certificates, and the users. It
// returns the port that the API server is to have.
func (c *cluster) prepare() (port string, err error) {
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(c.dir); err != nil || len(entries) > 0 {
		return "", errors.Join(err, fmt.Errorf("%s is not empty: name a new directory with --dir", c.dir))
	}
	if port, err = freePort(); err != nil {
		return "", err
	}
	servingCA, err1 := authority("kubernetes-serving-ca")
	clientCA, err2 := authority("kubernetes-client-ca")
	accounts, err3 := authority("kubernetes-service-accounts")
	if err := errors.Join(err1, err2, err3); err != nil {
		return "", err
	}
	serving, err := servingCA.serving()
	if err != nil {
		return "", err
	}
	for name, p := range map[string]pair{"serving": serving, "serving-ca": servingCA, "client-ca": clientCA, "service-account": accounts} {
		if err := p.write(c.dir, name); err != nil {
			return "", err
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(servingCA.cert)
	c.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	c.Description, err = issue(c.dir, "https://127.0.0.1:"+port, servingCA, clientCA)
	return port, err
}

// controller returns the step that starts one of the two controllers.
func (c *cluster) controller(name string, flags func(dir, port string) []string) func(context.Context) error {
	return func(ctx context.Context) error {
		port, err := freePort()
		if err != nil {
			return err
		}
		return c.launch(ctx, name, "https://127.0.0.1:"+port+"/healthz", flags(c.dir, port)...)
	}
}

// launch starts a component, waits for its health URL, and says so.
func (c *cluster) launch(ctx context.Context, name, health string, args ...string) error {
	begin := time.Now()
	p, err := spawn(c.dir, name, args...)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	if err := until(ctx, p, func(ctx context.Context) error { return c.get(ctx, health) }); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	go c.watch(p)
	c.report(name, begin)
	return nil
}

func (c *cluster) report(what string, begin time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c.progress, "%-24s ready in %.1fs\n", what, time.Since(begin).Seconds())
}

// watch tells when a component ends that nobody stopped.
func (c *cluster) watch(p *process) {
	select {
	case <-c.stopping:
	case <-p.done:
		select {
		case c.died <- fmt.Errorf("%s ended: %w (logs are in %s)", p.name, errors.Join(p.err, errors.New("it was not asked to")), c.dir):
		default: // another one was first
		}
	}
}

// get is one look at a health URL.
func (c *cluster) get(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if strings.HasPrefix(address, c.Server) {
		req.Header.Set("Authorization", "Bearer "+c.Users["admin"].Token)
	}
	res, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, res.Status)
	}
	return nil
}

// grace is the time that a component has to end by itself. All get their signal in the
// reverse of their start, since one would otherwise cry for the next.
const grace = 1500 * time.Millisecond

// stop ends every component and returns when all are gone.
func (c *cluster) stop() {
	close(c.stopping)
	for _, p := range slices.Backward(c.processes) {
		p.stop(grace)
	}
}
