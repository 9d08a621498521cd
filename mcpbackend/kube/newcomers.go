package kube

import (
	"container/list"
	"sync"
)

// maxNewcomers is how many entries wait for their server's first answer. It is a
// handful: a call proves its entry within one round trip, and a spray of guessed
// credentials pushes out nothing but other guesses.
const maxNewcomers = 128

// newcomers keep entries by key until their servers have answered to their
// credentials, the oldest first to go.
type newcomers struct {
	let count

	mu    sync.Mutex
	byKey map[poolKey]*list.Element
	queue *list.List // of newcomer, oldest first
}

type newcomer struct {
	key poolKey
	e   *entry
}

func newNewcomers(let count) *newcomers {
	return &newcomers{let: let, byKey: map[poolKey]*list.Element{}, queue: list.New()}
}

func (n *newcomers) get(key poolKey) (*entry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.byKey[key]
	if !ok {
		return nil, false
	}
	return waiting(at).e, true
}

func waiting(at *list.Element) newcomer {
	c, _ := at.Value.(newcomer) // nothing else is put there
	return c
}

// put adds an entry, and retires one that it replaces or pushes out. Such a one
// may still prove itself: its caller has it in his hands.
func (n *newcomers) put(key poolKey, e *entry) {
	var out []*entry
	n.mu.Lock()
	if at, ok := n.byKey[key]; ok {
		out = append(out, n.remove(at))
	}
	n.byKey[key] = n.queue.PushBack(newcomer{key, e})
	if n.queue.Len() > maxNewcomers {
		out = append(out, n.remove(n.queue.Front()))
	}
	n.mu.Unlock()
	for _, old := range out {
		old.retire()
		n.let(CauseUnproven)
	}
}

func (n *newcomers) remove(at *list.Element) *entry {
	c := waiting(at)
	n.queue.Remove(at)
	delete(n.byKey, c.key)
	return c.e
}

// take removes the entry if it waits here.
func (n *newcomers) take(key poolKey, e *entry) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok := n.byKey[key]
	if !ok || waiting(at).e != e {
		return false
	}
	n.remove(at)
	return true
}

// drop removes the entry if it waits here, and retires it.
func (n *newcomers) drop(key poolKey, e *entry, why Cause) {
	if n.take(key, e) {
		e.retire()
		n.let(why)
	}
}

// clear drops every entry, because of the policy.
func (n *newcomers) clear() {
	n.mu.Lock()
	all := n.queue
	n.queue = list.New()
	clear(n.byKey)
	n.mu.Unlock()
	for at := all.Front(); at != nil; at = at.Next() {
		e := waiting(at).e
		e.fate.gone.Store(true)
		e.retire()
		n.let(CausePolicy)
	}
}
