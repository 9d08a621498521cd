package answer

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/kube"
)

// TestEveryTroubleHasAdvice of its own, in sentences, and none holds the status
// numbers on which some clients start a login or a new session.
func TestEveryTroubleHasAdvice(t *testing.T) {
	seen := map[string]kube.Trouble{}
	for trouble := kube.Expired; trouble <= kube.Garbled; trouble++ {
		err := Advise(&kube.Error{Trouble: trouble, Status: 401})
		text := err.Error()
		require.NotContains(t, seen, text, trouble)
		seen[text] = trouble
		require.True(t, strings.HasSuffix(text, "."), text)
		require.NotContains(t, text, "401")
		require.NotContains(t, text, "404")
		require.Equal(t, trouble.String(), Word(&kube.Error{Trouble: trouble}))
	}
}

// TestUnknownErrorsSayNothing: they may hold anything.
func TestUnknownErrorsSayNothing(t *testing.T) {
	err := errors.New("CANARY")
	require.NotContains(t, Advise(err).Error(), "CANARY")
	require.Equal(t, "internal", Word(err))
}

func TestWhatServersSayIsQuoted(t *testing.T) {
	text := Advise(&kube.Error{Trouble: kube.Forbidden, Detail: "a\x1b[31m\nb abcdef.0123456789abcdef " + strings.Repeat("x", 1000)}).Error()
	require.Contains(t, text, "The server said: a b [redacted] x")
	require.Less(t, len(text), 600)
	text = Advise(&kube.UnknownKindError{APIVersion: "v1\n", Kind: "P\x1b", Suggestions: []string{"v1 \u202ePod"}}).Error()
	require.Equal(t, `This cluster has no kind "P" in apiVersion "v1". Call again with one of these (apiVersion kind): v1 Pod.`, text)
	text = Advise(&kube.UnknownKindError{Kind: "Widget"}).Error()
	require.True(t, strings.HasPrefix(text, `This cluster has no kind "Widget". Check the spelling;`), text)
	text = Advise(&kube.UnknownKindError{Kind: "Widget", Incomplete: true}).Error()
	require.True(t, strings.HasPrefix(text, `The parts of this cluster's API that answer have no kind "Widget"; others do not answer now.`), text)
}
