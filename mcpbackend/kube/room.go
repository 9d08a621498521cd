package kube

import (
	"crypto/sha256"
	"sync"

	"kubernetes-mcp-edge/extproc/kubeheader"
)

// target is one API server as a caller means it: the URL and whom he trusts to
// be it. Callers who trust another authority may mean another server.
type target struct {
	server string
	trust  [sha256.Size]byte
}

func targetOf(t kubeheader.Target) target {
	out := target{server: t.Server.String()}
	sum := sha256.New()
	switch trust := t.Trust.(type) {
	case kubeheader.CA:
		for _, cert := range trust.Certificates {
			one := sha256.Sum256(cert.Raw)
			sum.Write(one[:])
		}
	case kubeheader.Insecure:
		sum.Write([]byte("insecure"))
	case kubeheader.SystemRoots:
		sum.Write([]byte("public"))
	}
	sum.Sum(out.trust[:0])
	return out
}

// rooms count the calls under way by target, whoever makes them, so that one
// cluster is not flooded from here. A target without calls takes no memory.
type rooms struct {
	limit int

	mu   sync.Mutex
	used map[target]int
}

func newRooms(limit int) *rooms { return &rooms{limit: limit, used: map[target]int{}} }

// room is the place of one target.
type room struct {
	rooms *rooms
	of    target
}

// enter reports whether there was room for one more call; if so, leave it. A nil
// room has no limit.
func (r *room) enter() bool {
	if r == nil {
		return true
	}
	r.rooms.mu.Lock()
	defer r.rooms.mu.Unlock()
	if r.rooms.used[r.of] >= r.rooms.limit {
		return false
	}
	r.rooms.used[r.of]++
	return true
}

func (r *room) leave() {
	if r == nil {
		return
	}
	r.rooms.mu.Lock()
	defer r.rooms.mu.Unlock()
	if r.rooms.used[r.of]--; r.rooms.used[r.of] <= 0 {
		delete(r.rooms.used, r.of)
	}
}
