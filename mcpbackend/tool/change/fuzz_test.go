package change

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzManifest: no text makes the reader panic, no error repeats what it read,
// what is read keeps to the limits, and read again as JSON it is the same.
func FuzzManifest(f *testing.F) {
	for _, text := range accepted {
		f.Add(text)
	}
	f.Add(bomb())
	f.Add("kind: List\nitems: [{kind: A, metadata: {name: a}}]\n")
	f.Add("a: &x [*x]\n")
	f.Add("a: |\n  - ?\n<<: {}\n")
	f.Add(`{"kind":"A","metadata":{"generateName":"a-"}} {`)
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := parse(text)
		if err != nil {
			require.Nil(t, documents)
			require.Less(t, len(err.Error()), 1200)
			return
		}
		require.NotEmpty(t, documents)
		require.LessOrEqual(t, len(documents), maxDocuments)
		values := 0
		for _, d := range documents {
			values += size(d.object)
			require.NoError(t, d.check())
			again, err := json.Marshal(d.object)
			require.NoError(t, err)
			if len(again) > maxManifest { // aliases: a few bytes stood for many
				continue
			}
			second, err := parse(string(again))
			require.NoError(t, err)
			require.Equal(t, reread(t, again), reread(t, mustJSON(t, second[0].object)))
		}
		require.LessOrEqual(t, values, maxValues)
	})
}

// size is how many values an object holds.
func size(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			n += size(below)
		}
	case []any:
		for _, element := range v {
			n += size(element)
		}
	}
	return n
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

func reread(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}
