package kube

import (
	"crypto/sha256"
	"sync"
	"weak"
)

// page is what one answer of discovery says. Entries share it: nobody writes to
// it once it is made.
type page struct {
	kinds    []Kind
	size     int  // in memory, in bytes, about
	complete bool // nothing was left out
}

// shelf lets entries that were told the same, byte for byte, keep it once. It
// answers nobody: to be given a page one has to bring its bytes, so what one
// caller may see says nothing to another. It holds a page only as long as some
// entry does.
type shelf struct {
	mu    sync.Mutex
	pages map[[sha256.Size]byte]weak.Pointer[page]
	sweep int // how many pages call for taking out those that are gone
}

// minSweep is how many pages are never too many.
const minSweep = 64

// page is what read makes of an answer, or what it made of the same one before.
// label is what beside the body read depends on.
func (s *shelf) page(label string, body []byte, read func() (*page, error)) (*page, error) {
	sum := sha256.New()
	sum.Write([]byte(label))
	sum.Write([]byte{0})
	sum.Write(body)
	var key [sha256.Size]byte
	sum.Sum(key[:0])
	if p := s.find(key); p != nil {
		return p, nil
	}
	p, err := read()
	if err != nil {
		return nil, err
	}
	return s.put(key, p), nil
}

func (s *shelf) find(key [sha256.Size]byte) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pages[key].Value()
}

// put keeps the first of two that were read at the same time.
func (s *shelf) put(key [sha256.Size]byte, p *page) *page {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.pages[key].Value(); first != nil {
		return first
	}
	if s.pages == nil {
		s.pages = map[[sha256.Size]byte]weak.Pointer[page]{}
	}
	s.pages[key] = weak.Make(p)
	if len(s.pages) > max(s.sweep, minSweep) {
		for k, w := range s.pages {
			if w.Value() == nil {
				delete(s.pages, k)
			}
		}
		s.sweep = 2 * len(s.pages)
	}
	return p
}
