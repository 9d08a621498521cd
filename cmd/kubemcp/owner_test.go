//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func requireOwner(t *testing.T, want, got os.FileInfo) {
	t.Helper()
	w, ok := want.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	g, ok := got.Sys().(*syscall.Stat_t)
	require.True(t, ok)
	require.Equal(t, []uint32{w.Uid, w.Gid}, []uint32{g.Uid, g.Gid})
}
