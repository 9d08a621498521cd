package harness

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
)

// guard is one of a stack's guards, running or not.
type guard struct {
	process *Process
	address string // where it listens
	seen    string // where Envoy looks for it
	admin   string // host:port of its admin listener
}

// placeGuards chooses where the guards listen.
func (s *Stack) placeGuards() error {
	o := &s.options
	if o.Guard != "" {
		s.guards = []guard{{address: o.Guard, seen: o.Guard}}
		return nil
	}
	s.guards = make([]guard, o.Guards)
	for i := range s.guards {
		g := &s.guards[i]
		var err error
		if g.admin, err = freeAddress(); err != nil {
			return err
		}
		g.address = "unix:" + filepath.Join(o.Dir, numbered("guard", i)+".sock")
		if o.GuardTCP {
			if g.address, err = freeAddress(); err != nil {
				return err
			}
		}
		g.seen = g.address
		if o.GuardProxy != nil {
			if g.seen, err = o.GuardProxy(g.address); err != nil {
				return fmt.Errorf("the guard's proxy: %w", err)
			}
		}
	}
	return nil
}

// startGuards starts all of them.
func (s *Stack) startGuards(ctx context.Context) error {
	if s.options.Guard != "" {
		return nil
	}
	all := make([]func() error, len(s.guards))
	for i := range s.guards {
		all[i] = func() error { return s.StartGuardNumber(ctx, i) }
	}
	return together(all...)
}

// StartGuard starts the guard, or the first of several, where Envoy looks for it.
func (s *Stack) StartGuard(ctx context.Context) error { return s.StartGuardNumber(ctx, 0) }

// StartGuardNumber is StartGuard for one of several, counted from 0.
func (s *Stack) StartGuardNumber(ctx context.Context, i int) error {
	g := &s.guards[i]
	args := []string{
		"--listen", g.address, "--admin", g.admin, "--policy", s.PolicyFile(), "--signing-key", s.SigningKeyFile(),
		"--log-level", s.options.LogLevel,
	}
	p, err := s.component(numbered("extproc", i), s.options.Env, s.options.Binaries.Extproc, append(args, s.options.GuardTLS.flags()...)...)
	if err != nil {
		return err
	}
	if g.process = p; i == 0 {
		s.Extproc = p
	}
	return s.await(ctx, p, g.address, func(ctx context.Context) error { return dial(ctx, g.address) })
}

// dial sees whether somebody listens at host:port or unix:PATH.
func dial(ctx context.Context, address string) error {
	network := "tcp"
	if path, unix := strings.CutPrefix(address, "unix:"); unix {
		network, address = "unix", path
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

// Listens tells whether a guard takes new connections.
func (s *Stack) Listens(ctx context.Context, i int) bool {
	return dial(ctx, s.guards[i].address) == nil
}

// Guard is one of the guards, counted from 0, as it was started last.
func (s *Stack) Guard(i int) *Process { return s.guards[i].process }

// GuardAddress is where one of the guards listens.
func (s *Stack) GuardAddress(i int) string { return s.guards[i].address }

// GuardAdmin is the base URL of a guard's admin listener.
func (s *Stack) GuardAdmin(i int) string { return "http://" + s.guards[i].admin }

// numbered is a name for the first, and one with a number for the others.
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(i+1)
}

// freeAddress is FreePort with its host.
func freeAddress() (string, error) {
	port, err := FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
