package jsonrpc_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

func TestBatch(t *testing.T) {
	entries := func(n int) string {
		return "[" + strings.Repeat(`{"method":"x"},`, n-1) + `{"method":"x","id":"z"}]`
	}
	for name, row := range map[string]struct {
		body     string
		versions []string
		status   int
		want     string
	}{
		"two requests":             {`[{"id":1,"method":"x"},{"method":"y","id":"a"}]`, nil, 200, "[" + withID("1") + "," + withID(`"a"`) + "]"},
		"one request":              {` [ {"id":1,"method":"x"} ] `, []string{"2025-03-26"}, 200, "[" + withID("1") + "]"},
		"mixed":                    {`[{"method":"n"},{"id":1,"result":1},{"id":2,"method":"x"},{"id":3,"error":{}}]`, nil, 200, "[" + withID("2") + "]"},
		"two requests of one id":   {`[{"id":1,"method":"x"},{"id":1,"method":"y"}]`, nil, 200, "[" + withID("1") + "," + withID("1") + "]"},
		"unreadable entries":       {`[1,null,"id",[{"id":9,"method":"x"}],{"id":null,"method":"x"},{"id":1.5,"method":"x"},{"id":4,"method":"x"}]`, nil, 200, "[" + withID("4") + "]"},
		"duplicate in an entry":    {`[{"id":1,"id":2,"method":"x"},{"id":3,"method":"x"}]`, nil, 200, "[" + withID("3") + "]"},
		"only unreadable entries":  {`[{"id":null,"method":"x"}]`, nil, 400, noID},
		"only notifications":       {`[{"method":"n"},{"method":"m"}]`, nil, 400, noID},
		"only responses":           {`[{"id":1,"result":{}}]`, nil, 400, noID},
		"empty":                    {`[]`, nil, 400, noID},
		"32 entries":               {entries(32), nil, 200, "[" + withID(`"z"`) + "]"},
		"33 entries":               {entries(33), nil, 400, noID},
		"33 entries, none objects": {"[" + strings.Repeat("1,", 32) + `{"id":1,"method":"x"}]`, nil, 400, noID},
		"modern":                   {`[{"id":1,"method":"x"}]`, []string{modernVersion}, 400, noID},
		"unfinished":               {`[{"id":1,"method":"x"}`, nil, 400, noID},
		"trailing garbage":         {`[{"id":1,"method":"x"}]]`, nil, 400, noID},
		"fault in the last entry":  {`[{"id":1,"method":"x"},{"id":2,}]`, nil, 400, noID},
		"fault between entries":    {`[{"id":1,"method":"x"} {"id":2,"method":"x"}]`, nil, 400, noID},
		"number that ends it":      {`[{"method":"x","id":12}]`, nil, 200, "[" + withID("12") + "]"},
	} {
		t.Run(name, func(t *testing.T) { requireAnswer(t, post(row.body, row.versions...), row.status, row.want) })
	}
}

// TestTruncated cuts bodies at every byte: before the id is read whole there is
// no id in the answer, from then on there is.
func TestTruncated(t *testing.T) {
	for name, row := range map[string]struct{ before, id, after string }{
		"number first":   {`{"id":`, `1234`, `,"method":"x","params":{"id":5,"s":"é\u00e9","l":[true,false,null,1.5e3]}}`},
		"string first":   {`{"jsonrpc":"2.0","id":`, `"é\"x"`, ` , "method":"x","params":{}}`},
		"method first":   {`{"method":"x","id":`, `-7`, `,"params":{"id":5}}`},
		"number last":    {`{"method":"x","params":{"id":5},"id":`, `1234`, `}`},
		"white space":    {"\n{ \"method\" : \"x\" , \"id\" : ", `1`, "\n}\n"},
		"id near method": {`{"id":`, `"a"`, `,"method":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body := row.before + row.id + row.after
			for cut := range len(body) + 1 {
				m := post(body[:cut])
				m.Truncated = true
				if cut > len(row.before)+len(row.id) {
					requireAnswer(t, m, 200, withID(row.id))
				} else {
					requireAnswer(t, m, 400, noID)
				}
			}
		})
	}
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"response":                 {`{"jsonrpc":"2.0","id":1,"result":{"a":`, 400, noID},
		"response, result first":   {`{"result":{},"id":1,"x":`, 400, noID},
		"error response":           {`{"id":1,"error":{"code":`, 400, noID},
		"notification so far":      {`{"method":"x","params":{"a":`, 400, noID},
		"duplicate before the cut": {`{"id":1,"id":2,"method":"x","a":`, 400, noID},
		"null id":                  {`{"id":null,"method":"x","a":`, 400, noID},
		"fault before the cut":     {`{"id":1,"method":"x",]`, 400, noID},
		"batch":                    {`[{"id":1,"method":"x"},{"id":2,`, 400, noID},
		"complete":                 {`{"id":1,"method":"x"}`, 200, withID("1")},
		"complete response":        {`{"id":1}`, 400, noID},
		"complete batch":           {`[{"id":1,"method":"x"}]`, 200, "[" + withID("1") + "]"},
		"nothing":                  {``, 400, noID},
	} {
		t.Run(name, func(t *testing.T) {
			m := post(row.body)
			m.Truncated = true
			requireAnswer(t, m, row.status, row.want)
		})
	}
}

func TestErrorEncoding(t *testing.T) {
	for name, row := range map[string]struct {
		e    jsonrpc.Error
		want string
	}{
		"no data":          {jsonrpc.Error{Code: jsonrpc.InternalError, Message: "m", Data: nil}, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"m"}}`},
		"data not JSON":    {jsonrpc.Error{Code: 1, Message: "m", Data: []byte(`{`)}, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}`},
		"data not UTF-8":   {jsonrpc.Error{Code: 1, Message: "m", Data: []byte("\"\xff\"")}, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}`},
		"quotes and lines": {jsonrpc.Error{Code: 1, Message: "a\"b\nc", Data: nil}, `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a\"b\nc"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.want, string(jsonrpc.Reject(post(`{"id":1,"method":"x"}`), row.e).Body))
		})
	}
}

func TestBodyIsNotChanged(t *testing.T) {
	body := []byte(`{"method":"x","\u0069d":"\u0061","params":{"a":1}}`)
	before := string(body)
	answer := jsonrpc.Reject(message(0, "", body), refusal())
	require.Equal(t, before, string(body))
	clear(body)
	require.Equal(t, withID(`"\u0061"`), string(answer.Body), "the answer must not alias the body")
}
