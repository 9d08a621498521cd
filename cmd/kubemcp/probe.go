package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// probeTimeout bounds a probe; whoever asks has a timeout of his own.
const probeTimeout = 2 * time.Second

// probeCommand is a health check for images that hold nothing but a program.
type probeCommand struct {
	URL string `arg:"" help:"What to ask, on a loopback address, such as http://127.0.0.1:9102/readyz."`
}

// Run fails unless the answer is 200.
func (c probeCommand) Run(ctx context.Context) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" {
		return errors.New("probe: wants an http URL")
	}
	if address, err := netip.ParseAddr(u.Hostname()); err != nil || !address.IsLoopback() {
		return errors.New("probe: asks loopback addresses only, written as numbers")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("probe: wants an http URL")
	}
	// A transport of its own: no proxy from the environment.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("probe: the answer is %d", res.StatusCode)
	}
	return nil
}
