package server

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"
)

// TestRunQuietsLibraries: what client-go logs goes where Run was told to log, in
// its form, before anything else can happen.
func TestRunQuietsLibraries(t *testing.T) {
	logs := &lockedBuffer{}
	o := Options{PolicyFile: t.TempDir() + "/none", Log: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	require.ErrorContains(t, Run(context.Background(), o), "policy: ")
	klog.ErrorS(nil, "from a library", "value", "a\nb")
	lines := logs.lines(t, "client-go")
	require.Len(t, lines, 1, logs.String())
	require.Equal(t, "WARN", lines[0]["level"])
}
