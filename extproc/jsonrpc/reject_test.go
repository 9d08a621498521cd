package jsonrpc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/jsonrpc"
)

const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"
	payload       = `"error":{"code":-32602,"message":"kubernetes-server is missing: send <it> & retry","data":{"reason":"server-missing"}}}`
	noID          = `{"jsonrpc":"2.0",` + payload
)

func refusal() jsonrpc.Error {
	return jsonrpc.Error{
		Code:    jsonrpc.InvalidParams,
		Message: "kubernetes-server is missing: send <it> & retry",
		Data:    json.RawMessage(`{"reason":"server-missing"}`),
	}
}

func withID(id string) string { return `{"jsonrpc":"2.0","id":` + id + `,` + payload }

func post(body string, versions ...string) jsonrpc.Message {
	return jsonrpc.Message{Method: http.MethodPost, Versions: versions, Body: []byte(body), Truncated: false}
}

// TestTable is the table of rejections, row by row, with the clients' four revisions.
func TestTable(t *testing.T) {
	const request = `{"method":"tools/call","params":{},"jsonrpc":"2.0","id":7}`
	other := func(method string) jsonrpc.Message {
		m := post(request, legacyVersion)
		m.Method = method
		return m
	}
	for name, row := range map[string]struct {
		message jsonrpc.Message
		status  int
		body    string
	}{
		"request, no version":               {post(request), 200, withID("7")},
		"request, 2025-06-18":               {post(request, "2025-06-18"), 200, withID("7")},
		"request, 2025-11-25":               {post(request, "2025-11-25"), 200, withID("7")},
		"request, 2026-07-28":               {post(request, "2026-07-28"), 400, withID("7")},
		"request, later":                    {post(request, "2027-01-01"), 400, withID("7")},
		"request, the day before":           {post(request, "2026-07-27"), 200, withID("7")},
		"request, two versions":             {post(request, modernVersion, modernVersion), 200, withID("7")},
		"request, joined versions":          {post(request, modernVersion+", "+modernVersion), 200, withID("7")},
		"request, not a date":               {post(request, "9"), 200, withID("7")},
		"request, not in the calendar":      {post(request, "2026-13-45"), 200, withID("7")},
		"request, short month":              {post(request, "2026-8-01"), 200, withID("7")},
		"request, DRAFT":                    {post(request, "DRAFT-2026-v1"), 200, withID("7")},
		"request, date and more":            {post(request, "2026-07-28x"), 200, withID("7")},
		"request, empty version":            {post(request, ""), 200, withID("7")},
		"notification":                      {post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`), 400, noID},
		"notification, modern":              {post(`{"method":"notifications/cancelled"}`, modernVersion), 400, noID},
		"response, result":                  {post(`{"jsonrpc":"2.0","id":7,"result":{}}`), 400, noID},
		"response, error":                   {post(`{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}`), 400, noID},
		"result with method is a request":   {post(`{"id":7,"result":{},"method":"x"}`), 200, withID("7")},
		"neither method nor result":         {post(`{"jsonrpc":"2.0","id":7}`), 400, noID},
		"method not a string":               {post(`{"jsonrpc":"2.0","id":7,"method":5}`), 400, noID},
		"jsonrpc member missing":            {post(`{"id":7,"method":"x"}`), 200, withID("7")},
		"jsonrpc member wrong":              {post(`{"jsonrpc":1,"id":7,"method":"x"}`), 200, withID("7")},
		"GET":                               {other(http.MethodGet), 400, noID},
		"DELETE":                            {other(http.MethodDelete), 400, noID},
		"OPTIONS":                           {other(http.MethodOptions), 400, noID},
		"post in lower case is not POST":    {other("post"), 400, noID},
		"PUT":                               {other(http.MethodPut), 400, noID},
		"no body":                           {post(``), 400, noID},
		"white space":                       {post(" \r\n\t"), 400, noID},
		"not JSON":                          {post(`id=7`), 400, noID},
		"string":                            {post(`"id"`), 400, noID},
		"null":                              {post(`null`), 400, noID},
		"byte order mark":                   {post("\ufeff" + request), 400, noID},
		"trailing garbage":                  {post(request + `x`), 400, noID},
		"trailing value":                    {post(request + request), 400, noID},
		"trailing white space":              {post("\n" + request + "\r\n"), 200, withID("7")},
		"fault after the id":                {post(`{"id":7,"method":"x","params":{]}`), 400, noID},
		"unfinished, though not cut":        {post(`{"id":7,"method":"x","params":{`), 400, noID},
		"single quotes":                     {post(`{'id':7,'method':'x'}`), 400, noID},
		"comment":                           {post(`{"id":7,/**/"method":"x"}`), 400, noID},
		"trailing comma":                    {post(`{"id":7,"method":"x",}`), 400, noID},
		"broken UTF-8 elsewhere":            {post("{\"id\":7,\"method\":\"x\",\"params\":\"\xff\"}"), 200, withID("7")},
		"duplicate names elsewhere":         {post(`{"id":7,"method":"x","params":{"a":1,"a":2},"params":1}`), 200, withID("7")},
		"nested too deep for every decoder": {post(`{"id":7,"method":"x","params":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`), 400, noID},
		"nested deep":                       {post(`{"params":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `,"id":7,"method":"x"}`), 200, withID("7")},
	} {
		t.Run(name, func(t *testing.T) { requireAnswer(t, row.message, row.status, row.body) })
	}
}

func requireAnswer(t require.TestingT, m jsonrpc.Message, status int, body string) {
	if h, ok := t.(interface{ Helper() }); ok {
		h.Helper()
	}
	got := jsonrpc.Reject(m, refusal())
	require.Equal(t, status, got.Status)
	require.Equal(t, body, string(got.Body))
}

func TestID(t *testing.T) {
	long := func(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }
	for _, id := range []string{
		`0`, `1`, `-1`, `-0`, `9007199254740993`, `123456789012345678901234567890`, `""`, `"a"`, `"server-discover-probe-1"`,
		`"1"`, `"null"`, `"\u0061\n\/"`, `"ü€😀"`, `"\ud83d\ude00"`, `"}"`, `"\""`, `"\\"`, long(256), strings.Repeat("9", 256),
	} {
		for place, body := range map[string]string{
			"first":  `{"id":%s,"jsonrpc":"2.0","method":"x"}`,
			"middle": `{"jsonrpc":"2.0", "id" : %s , "method":"x"}`,
			"last":   `{"method":"x","params":{"id":99,"a":[{"id":98}]},"jsonrpc":"2.0","id":%s}`,
		} {
			t.Run(place+" "+id, func(t *testing.T) {
				requireAnswer(t, post(fmt.Sprintf(body, id)), 200, withID(id))
				requireAnswer(t, post(fmt.Sprintf(body, id), modernVersion), 400, withID(id))
			})
		}
	}
	for _, id := range []string{
		`null`, `true`, `false`, `{}`, `{"id":1}`, `[]`, `[1]`, `1.0`, `1.5`, `1e3`, `1E3`, `-1.0e-3`, `01`, `+1`, `0x1`, `NaN`,
		`"\ud800"`, `"\udc00\ud800"`, "\"\xff\"", "\"a\nb\"", `"\x"`, long(257), strings.Repeat("9", 257),
	} {
		t.Run("unreadable "+id, func(t *testing.T) {
			requireAnswer(t, post(`{"jsonrpc":"2.0","id":`+id+`,"method":"x"}`), 400, noID)
		})
	}
}

// TestIDMustNotBeFooled holds bodies in which something else looks like the id.
func TestIDMustNotBeFooled(t *testing.T) {
	for name, row := range map[string]struct{ body, want string }{
		"nested only":             {`{"method":"x","params":{"id":1}}`, noID},
		"nested before and after": {`{"params":{"id":1},"method":"x","id":2,"extra":{"id":3}}`, withID("2")},
		"in a string":             {`{"params":"\"id\":1","method":"x","id":2}`, withID("2")},
		"as a value":              {`{"params":"id","method":"x","id":2}`, withID("2")},
		"upper case":              {`{"ID":1,"method":"x"}`, noID},
		"upper case beside it":    {`{"ID":1,"id":2,"Id":3,"method":"x"}`, withID("2")},
		"escaped key is id":       {`{"\u0069d":2,"method":"x"}`, withID("2")},
		"escaped key, duplicate":  {`{"\u0069\u0064":1,"id":2,"method":"x"}`, noID},
		"duplicate":               {`{"id":1,"id":2,"method":"x"}`, noID},
		"duplicate, same value":   {`{"id":2,"method":"x","id":2}`, noID},
		"duplicate, null first":   {`{"id":null,"method":"x","id":2}`, noID},
		"duplicate, null last":    {`{"id":2,"method":"x","id":null}`, noID},
		"duplicate method":        {`{"id":2,"method":"x","method":"y"}`, noID},
		"escaped method":          {`{"id":2,"\u006dethod":"x"}`, withID("2")},
		"near names":              {`{"id ":1,"i":3,"idd":4,"":5,"id\u0000":6,"id":2,"method":"x"}`, withID("2")},
		"broken escaped key":      {`{"i\u0064\ud800":1,"id":2,"method":"x"}`, withID("2")},
		"broken key":              {"{\"id\xff\":1,\"id\":2,\"method\":\"x\"}", withID("2")},
	} {
		t.Run(name, func(t *testing.T) {
			status := http.StatusOK
			if row.want == noID {
				status = http.StatusBadRequest
			}
			requireAnswer(t, post(row.body), status, row.want)
		})
	}
}
