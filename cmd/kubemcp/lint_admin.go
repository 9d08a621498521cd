package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// adminScheme is all that Envoy's admin interface speaks.
const adminScheme = "http"

// fetchDump asks the admin interface of an Envoy for its configuration. It goes
// to loopback and Unix sockets only, unless remote repeats the host: a dump
// holds all that the configuration holds, and admin interfaces speak plain HTTP.
func fetchDump(ctx context.Context, admin, remote string) ([]byte, error) {
	dialer := &net.Dialer{ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if to, err := netip.ParseAddrPort(address); network == "unix" || err == nil && to.Addr().Unmap().IsLoopback() {
			return nil
		}
		if remote != "" {
			return nil
		}
		return errors.New("this address lies beyond loopback: name the host by --remote if that is meant")
	}}
	dial, base := dialer.DialContext, admin
	if path, ok := strings.CutPrefix(admin, "unix:"); ok {
		base = adminScheme + "://localhost"
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != adminScheme || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("--admin wants http://HOST:PORT or unix:PATH")
	}
	if remote != "" && u.Hostname() != remote {
		return nil, errors.New("--remote and the host of --admin differ")
	}
	client := &http.Client{
		Transport:     &http.Transport{Proxy: nil, DialContext: dial, DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	// With the endpoints that came by EDS, which tell whether a cluster lies
	// beyond loopback. An exact allow_paths lets only the plain path through.
	u.Path, u.RawQuery = "/config_dump", "include_eds"
	dump, status, err := get(ctx, client, u)
	if err == nil && status == http.StatusForbidden {
		u.RawQuery = ""
		dump, status, err = get(ctx, client, u)
	}
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the admin interface answers %d %s: is /config_dump on its allow_paths?", status, http.StatusText(status))
	}
	return dump, err
}

func get(ctx context.Context, client *http.Client, u *url.URL) (body []byte, status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err = bounded(response.Body)
	return body, response.StatusCode, err
}
