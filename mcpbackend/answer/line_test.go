package answer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	require.Equal(t, "a b c", Line(" a\n\tb \r c ", 100))
	require.Equal(t, "aaa…", Line("aaaaa", 3))
	require.Equal(t, "ä…", Line("ääää", 3), "not through the middle of a rune")
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		text, kept string
		budget     int
		cut        bool
	}{
		{"a\nb\n", "a\nb\n", 4, false},
		{"a\nb\nc\n", "a\nb\n", 5, true},
		{strings.Repeat("x", 9), "xxx\n", 3, true},
	} {
		kept, cut := Within(test.text, test.budget)
		require.Equal(t, test.kept, kept)
		require.Equal(t, test.cut, cut)
	}
}
