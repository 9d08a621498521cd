package server

import (
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// TestAnonymous callers can look around, and are told what to send.
func TestAnonymous(t *testing.T) {
	w := newWorld(t, nil)
	s := w.session(t, nil)
	list, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.NotEmpty(t, list.Tools)
	for _, name := range []string{"whoami", "namespaces_list"} {
		text := fails(t, s, name, nil)
		for _, header := range []string{"kubernetes-server", "kubernetes-certificate-authority-data", "kubernetes-authorization",
			"kubernetes-client-certificate-data", "kubernetes-client-key-data"} {
			require.Contains(t, text, header)
		}
	}
}

// TestNoSideDoor: credentials in a message's _meta are nobody's.
func TestNoSideDoor(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	meta := mcp.Meta{}
	for name, value := range api.headers("alice-token") {
		meta[name] = value
	}
	result, err := w.session(t, nil).CallTool(t.Context(), &mcp.CallToolParams{Meta: meta, Name: "whoami"})
	require.NoError(t, err)
	require.True(t, result.IsError)
	require.Empty(t, api.asked())
}

// TestToolsetsNarrow and never widen.
func TestToolsetsNarrow(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	all, err := w.session(t, api.headers("alice-token")).ListTools(t.Context(), nil)
	require.NoError(t, err)
	core := len(all.Tools)
	require.Greater(t, core, 3)
	for toolsets, want := range map[string]int{"core": core, "core,everything": core, "everything": 0, "apps, helm": 0, "write": 0} {
		s := w.session(t, api.headers("alice-token", "kubernetes-toolsets", toolsets))
		list, err := s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, list.Tools, want, toolsets)
		_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		if want == 0 {
			require.ErrorContains(t, err, "no such tool")
		} else {
			require.NoError(t, err)
		}
	}
	none := newWorld(t, api, func(o *setup) { o.Toolsets = nil })
	s := none.session(t, api.headers("alice-token", "kubernetes-toolsets", "core"))
	list, err := s.ListTools(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, list.Tools, "the operator offers none")
	_, err = s.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	require.ErrorContains(t, err, "no such tool")
}
