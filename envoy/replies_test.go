package envoy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

func TestReplies(t *testing.T) {
	for _, r := range replies() {
		t.Run(r.When, func(t *testing.T) {
			var got struct {
				JSONRPC string           `json:"jsonrpc"`
				ID      *json.RawMessage `json:"id"`
				Error   struct {
					Code    int    `json:"code"`
					Message string `json:"message"`
					Data    struct {
						Reason   string `json:"reason"`
						Decision string `json:"decision"`
					} `json:"data"`
				} `json:"error"`
			}
			require.NoError(t, json.Unmarshal([]byte(r.Body), &got))
			require.Equal(t, "2.0", got.JSONRPC)
			require.Nil(t, got.ID)
			require.Equal(t, jsonrpc.InternalError, got.Error.Code)
			reason, known := kubeheader.ParseReason(got.Error.Data.Reason)
			require.True(t, known)
			if reason == kubeheader.ReasonFrontDoorRefused {
				require.Zero(t, r.Status, "the front door's status is its own")
			} else {
				require.Equal(t, map[kubeheader.Kind]int{kubeheader.Internal: 503, kubeheader.Malformed: 400}[reason.Kind()], r.Status,
					"503 if it is the product's fault, 400 if it is the caller's")
			}
			require.NotContains(t, got.Error.Message, "401")
			require.NotContains(t, got.Error.Message, "404")
			rest := strings.ReplaceAll(r.Body, decision, "")
			require.NotContains(t, rest, "%", "Envoy would read it as an operator")
			require.NotContains(t, r.Why, "\n")
		})
	}
}

// TestGuardsAnswersAreNotMistaken: the guard's response code details are its
// reason codes, and some mappers match on how the details begin.
func TestGuardsAnswersAreNotMistaken(t *testing.T) {
	matched := 0
	for _, r := range replies() {
		for _, part := range strings.Split(r.When, "startsWith('")[1:] {
			prefix, _, ok := strings.Cut(part, "')")
			require.True(t, ok)
			matched++
			for _, reason := range kubeheader.Reasons() {
				require.False(t, strings.HasPrefix(reason.String(), prefix), "%s would be taken for Envoy's own %s", reason, prefix)
			}
		}
	}
	require.Positive(t, matched)
}
