// Package logpipe keeps a program going when nobody takes its log. Standard
// error may be a pipe whose reader has stopped, and a write to it then waits
// for ever, with whoever wanted to log; a full disk or a closed descriptor fails
// each write. A Pipe takes lines into a bounded buffer and one goroutine writes
// them: logging costs a copy, and what does not fit is dropped and counted.
package logpipe

import (
	"io"
	"sync"
	"time"
)

// Capacity is how many bytes of lines wait at most: some thousand rejections.
const Capacity = 1 << 20

// Pipe is a writer that never waits and never fails. Each Write is one line, as
// log handlers write them, and is kept or dropped as a whole.
type Pipe struct {
	to   io.Writer
	lost func(lines uint64) []byte

	mu      sync.Mutex
	waiting []byte // the lines that nobody writes yet
	missed  uint64 // lines dropped since the last note of it
	dropped uint64 // lines dropped in all
	closed  bool

	wake chan struct{} // holds one token if there is something to do
	done chan struct{} // closed when the goroutine has ended
}

// New makes a pipe in front of a writer. Once lines can be written again after
// some were dropped, lost makes the line that says how many; nil says nothing.
func New(to io.Writer, lost func(lines uint64) []byte) *Pipe {
	p := &Pipe{to: to, lost: lost, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go p.run()
	return p
}

// Write takes a line, or drops it. It returns as if all had been written.
func (p *Pipe) Write(line []byte) (int, error) {
	p.mu.Lock()
	switch {
	case p.closed, len(p.waiting)+len(line) > Capacity:
		p.drop(1)
	default:
		p.waiting = append(p.waiting, line...)
	}
	p.mu.Unlock()
	p.nudge()
	return len(line), nil
}

// drop counts lines that are gone; mu is held.
func (p *Pipe) drop(lines uint64) { p.missed += lines; p.dropped += lines }

// nudge wakes the goroutine, or leaves it a token if it is busy.
func (p *Pipe) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Dropped is how many lines did not get through since the start.
func (p *Pipe) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Close writes what is waiting, for at most this long, and reports whether all
// of it is out. Lines that come later are dropped. If not, a write is still
// stuck in the system, with the goroutine that made it: only the end of the
// process frees it.
func (p *Pipe) Close(within time.Duration) bool {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.nudge()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// run writes until the pipe is closed and empty.
func (p *Pipe) run() {
	defer close(p.done)
	var lines []byte
	for {
		p.mu.Lock()
		lines, p.waiting = p.waiting, lines[:0] // the two buffers change places
		missed, closed := p.missed, p.closed
		p.missed = 0
		p.mu.Unlock()
		if len(lines) == 0 && missed == 0 {
			if closed {
				return
			}
			<-p.wake
			continue
		}
		p.put(lines, missed)
	}
}

// put writes lines, and after them how many are missing. A line that the writer
// refuses is gone and counted; trying again would only fall behind.
func (p *Pipe) put(lines []byte, missed uint64) {
	if missed > 0 && p.lost != nil {
		lines = append(lines, p.lost(missed)...)
	}
	if len(lines) == 0 {
		return
	}
	if _, err := p.to.Write(lines); err != nil {
		count := uint64(0)
		for _, b := range lines {
			if b == '\n' {
				count++
			}
		}
		p.mu.Lock()
		p.dropped += count
		p.mu.Unlock()
	}
}
