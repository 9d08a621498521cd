package kube

import (
	"context"
	"errors"
	"io"
	"sync"
)

// cappedBody ends with an error, never with a clean EOF, where the limit is, and
// where the call's context ends.
type cappedBody struct {
	ctx  context.Context
	body io.ReadCloser
	left int64
	done func() error
}

// newCappedBody calls end once, when the body is closed: by its reader, or with
// ctx, so that no read outlives the call whatever kind of body it is.
func newCappedBody(ctx context.Context, body io.ReadCloser, end func()) *cappedBody {
	done := sync.OnceValue(func() error {
		defer end()
		return body.Close()
	})
	stop := context.AfterFunc(ctx, func() { _ = done() })
	return &cappedBody{ctx: ctx, body: body, left: maxBody, done: func() error {
		stop()
		return done()
	}}
}

// Read reads at most what is left, and one byte more to tell the end from the
// limit.
func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		b.left = 0
		return n, errBodyLimit
	}
	b.left -= int64(n)
	if cause := b.ctx.Err(); err != nil && !errors.Is(err, io.EOF) && cause != nil {
		err = cause // and not that somebody closed the body
	}
	return n, err
}

// Close closes the body and counts the call as done.
func (b *cappedBody) Close() error { return b.done() }
