package admin

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// scope is from where a listener can be reached, which decides what it shows.
type scope uint8

const (
	remote   scope = iota // from other machines, or nobody knows
	loopback              // from this machine, browsers included
	socket                // by this user
)

func scopeOf(address net.Addr) scope {
	switch a := address.(type) {
	case *net.UnixAddr:
		return socket
	case *net.TCPAddr:
		if a.IP.IsLoopback() {
			return loopback
		}
	}
	return remote
}

// handler answers the pages that there are in this scope, and nothing else.
func handler(c Config, s scope) http.Handler {
	pages := http.NewServeMux()
	page := func(path string, h http.Handler) {
		if h != nil {
			pages.Handle(path, h)
		}
	}
	page("/healthz", http.HandlerFunc(healthz))
	page("/readyz", readyz(c.Ready))
	page("/metrics", c.Metrics)
	if s != remote {
		page("/status", c.Status)
		page("/status.json", c.StatusJSON)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		// A page that needs more sets its own.
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "this listener only answers questions: use GET", http.StatusMethodNotAllowed)
		case r.ContentLength != 0:
			header.Set("Connection", "close") // or the server would read the body first
			http.Error(w, "a question has no body", http.StatusRequestEntityTooLarge)
		case s == loopback && !local(r.Host):
			http.Error(w, "call this listener by a loopback address or as localhost", http.StatusMisdirectedRequest)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// local reports whether a Host header names this machine by itself. A page in a
// browser can point a name of its own at 127.0.0.1 (DNS rebinding) and would
// then read what it likes; it cannot have a loopback address for its name. Any
// port is good: port forwarding changes it.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// healthz says that the process runs and answers. It asks nobody: a program
// that drains or waits for a file is alive, and restarting it would not help.
func healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// readyz says whether requests should be sent here, and if not, why not.
func readyz(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if ready != nil {
			if err := ready(); err != nil {
				say(w, http.StatusServiceUnavailable, err.Error())
				return
			}
		}
		say(w, http.StatusOK, "ready")
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n")
}
