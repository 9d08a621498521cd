package jsonrpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIDs(t *testing.T) {
	for _, row := range []struct {
		name, body string
		ids        []string
		ok         bool
	}{
		{"a number", `{"method":"m","id":7}`, []string{"7"}, true},
		{"a large number, as it is", `{"id":9007199254740993,"method":"m"}`, []string{"9007199254740993"}, true},
		{"a string", `{"method":"m","id":"a\u0062"}`, []string{`"a\u0062"`}, true},
		{"a notification", `{"method":"m"}`, nil, true},
		{"a response", `{"id":1.5,"result":{}}`, nil, true},
		{"a fraction", `{"method":"m","id":1.5}`, nil, false},
		{"null", `{"method":"m","id":null}`, nil, false},
		{"an object", `{"method":"m","id":{}}`, nil, false},
		{"twice", `{"method":"m","id":1,"id":2}`, nil, false},
		{"twice, once escaped", `{"method":"m","id":1,"\u0069d":2}`, nil, false},
		{"too long", `{"method":"m","id":"` + strings.Repeat("x", 256) + `"}`, nil, false},
		{"two methods", `{"method":"m","id":1,"method":"n"}`, nil, false},
		{"no method", `{"id":1}`, nil, false},
		{"a batch", `[{"method":"m","id":1},{"method":"n"},{"method":"m","id":"2"}]`, []string{"1", `"2"`}, true},
		{"a batch with one that cannot be repeated", `[{"method":"m","id":1},{"method":"m","id":1e3}]`, []string{"1"}, false},
		{"a batch of other things", `[1,"x"]`, nil, true},
		{"not JSON", `{"method":"m","id":1`, nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			ids, ok := IDs([]byte(row.body))
			require.Len(t, ids, len(row.ids))
			for i, id := range ids {
				require.Equal(t, row.ids[i], string(id))
			}
			require.Equal(t, row.ok, ok)
		})
	}
}
