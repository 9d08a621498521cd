package kube

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain looks for goroutines that are left. The SPDY server of the tests, a
// library that the program does not have, waits a second for a reader of its
// own end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/moby/spdystream.(*Connection).shutdown"))
}
