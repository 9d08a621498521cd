package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/trial"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// refusal is what the data of every rejection says.
type refusal struct {
	Reason   string `json:"reason"`
	Header   string `json:"header"`
	Problems []struct {
		Reason  string `json:"reason"`
		Header  string `json:"header"`
		Message string `json:"message"`
	} `json:"problems"`
	Decision string `json:"decision"`
}

// refused reads a JSON-RPC error that has the members of every rejection.
func refused(t *testing.T, err error) (*jsonrpc.Error, refusal) {
	t.Helper()
	var wire *jsonrpc.Error
	require.ErrorAs(t, err, &wire)
	var data refusal
	require.NoError(t, json.Unmarshal(wire.Data, &data))
	require.Equal(t, decision, data.Decision)
	require.Len(t, data.Problems, 1)
	require.Equal(t, data.Reason, data.Problems[0].Reason)
	require.Equal(t, data.Header, data.Problems[0].Header)
	require.Equal(t, wire.Message, data.Problems[0].Message)
	return wire, data
}

// unauthorized is how an API server answers to a credential that it does not know.
func unauthorized(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = w.Write([]byte(`{"kind":"Status","status":"Failure","message":"Unauthorized CANARY","reason":"Unauthorized","code":401}`))
}

// TestCredentialRefused: it is a JSON-RPC error as the edge's rejections are, and
// says which header to renew; every other failure is text for the model.
func TestCredentialRefused(t *testing.T) {
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(unauthorized)
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	_, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "resources_list", Arguments: map[string]any{"apiVersion": "v1", "kind": "Pod"}})
	wire, data := refused(t, err)
	require.EqualValues(t, jsonrpc.CodeInvalidParams, wire.Code)
	require.Equal(t, "credential-refused", data.Reason)
	require.Equal(t, kubeheader.Authorization, data.Header)
	require.Equal(t, kubeheader.ReasonCredentialRefused.Problem(kubeheader.Authorization).Message, wire.Message)
	for _, number := range []string{"401", "404", "CANARY"} {
		require.NotContains(t, wire.Message+string(wire.Data), number)
	}
	line := w.logs.lines(t, "tool call")[0]
	require.Equal(t, "rejected", line["outcome"])
	require.Equal(t, "unauthorized", line["trouble"])
}

// TestFailuresCarryTheirWord: in _meta, for programs; a success has none.
func TestFailuresCarryTheirWord(t *testing.T) {
	api := newBrokenAPI(t)
	api.objects["/api/v1/pods"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","message":"no"}`))
	})
	w := newWorld(t, api)
	s := w.session(t, api.headers("alice-token"))
	for _, row := range []struct {
		who       *mcp.ClientSession
		tool      string
		arguments map[string]any
		want      any
	}{
		{s, "whoami", nil, nil},
		{s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod"}, "forbidden"},
		{s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Zebra"}, "unknown-kind"},
		{s, "resources_list", map[string]any{"apiVersion": "v1", "kind": "Pod", "namespace": "NO"}, "arguments"},
		{s, "resources_list", map[string]any{"kind": 7}, "arguments"},
		{s, "resources_list", map[string]any{"kind": "Pod", "nonsense": true}, "arguments"},
		{w.session(t, nil), "whoami", nil, "anonymous"},
	} {
		result, err := row.who.CallTool(t.Context(), &mcp.CallToolParams{Name: row.tool, Arguments: row.arguments})
		require.NoError(t, err)
		require.Equal(t, row.want != nil, result.IsError)
		require.Equal(t, row.want, result.Meta[tool.ReasonKey], "%s %v", row.tool, row.arguments)
	}
}

// TestPromptsFail with JSON-RPC errors that have a code and a reason.
func TestPromptsFail(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	fails := map[string]error{
		"arguments": nil, "forbidden": &kube.Error{Trouble: kube.Forbidden}, "unauthorized": &kube.Error{Trouble: kube.Unauthorized},
		"internal": context.DeadlineExceeded, "expired": &kube.Error{Trouble: kube.Expired},
	}
	catalog, err := tool.NewCatalog(nil, []tool.Prompt{tool.NewPrompt(mcp.Prompt{Name: "look"}, tool.Core,
		func(_ context.Context, _ *kube.Client, arguments map[string]string) (string, error) {
			if arguments["fail"] == "arguments" {
				return "", &kube.UnknownKindError{Kind: "x"}
			}
			return "all is well", fails[arguments["fail"]]
		})})
	require.NoError(t, err)
	w.catalog = catalog
	w.counts = newCounts(catalog.Names())
	server, err := w.newMCP()
	require.NoError(t, err)
	w.handler.mux = w.newHandler(server).mux
	get := func(s *mcp.ClientSession, fail string) (*mcp.GetPromptResult, error) {
		return s.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "look", Arguments: map[string]string{"fail": fail}})
	}
	alice := w.session(t, api.headers("alice-token"))
	got, err := get(alice, "")
	require.NoError(t, err)
	require.Equal(t, "all is well", got.Messages[0].Content.(*mcp.TextContent).Text)
	for fail, want := range map[string]struct {
		code   int64
		reason string
	}{
		"arguments":    {jsonrpc.CodeInvalidParams, "unknown-kind"},
		"forbidden":    {jsonrpc.CodeInternalError, "forbidden"},
		"unauthorized": {jsonrpc.CodeInvalidParams, "credential-refused"},
		"expired":      {jsonrpc.CodeInvalidParams, "token-expired"},
		"internal":     {jsonrpc.CodeInternalError, "internal"},
	} {
		_, err := get(alice, fail)
		wire, data := refused(t, err)
		require.Equal(t, want.code, wire.Code, fail)
		require.Equal(t, want.reason, data.Reason)
	}
	_, err = get(w.session(t, nil), "")
	wire, data := refused(t, err)
	require.EqualValues(t, jsonrpc.CodeInvalidParams, wire.Code)
	require.Equal(t, "anonymous", data.Reason)
	require.Len(t, w.logs.lines(t, "prompt call"), 7)
	require.Equal(t, "look", w.logs.lines(t, "prompt call")[0]["prompt"])
}

// TestErrorsHaveACode: one that a part below makes without goes out as internal,
// without its text.
func TestErrorsHaveACode(t *testing.T) {
	for _, method := range []string{methodCallTool, methodGetPrompt, "tools/list"} {
		result, err := coded(func(context.Context, string, mcp.Request) (mcp.Result, error) {
			return nil, &json.SyntaxError{Offset: 7}
		})(t.Context(), method, nil)
		if method == methodCallTool {
			require.NoError(t, err)
			require.True(t, result.(*mcp.CallToolResult).IsError)
			continue
		}
		var wire *jsonrpc.Error
		require.ErrorAs(t, err, &wire)
		require.EqualValues(t, jsonrpc.CodeInternalError, wire.Code)
	}
}

// TestCredentialThatEndsOnTheWay: it was good when the edge looked, and the call
// comes a moment later; the header that is named is the one to renew.
func TestCredentialThatEndsOnTheWay(t *testing.T) {
	api := newBrokenAPI(t)
	w := newWorld(t, api)
	certificate, key := clientPair(t)
	headers := api.headers("")
	delete(headers, kubeheader.Authorization)
	headers[kubeheader.ClientCertificate], headers[kubeheader.ClientKey] = certificate, key
	ended := &kube.Error{Trouble: kube.Expired}
	catalog, err := tool.NewCatalog([]tool.Tool{tool.New(mcp.Tool{Name: "late"}, tool.Options{Toolset: tool.Core},
		func(context.Context, *kube.Client, struct{}) (string, any, error) { return "", nil, ended })}, nil)
	require.NoError(t, err)
	w.catalog = catalog
	w.counts = newCounts(catalog.Names())
	server, err := w.newMCP()
	require.NoError(t, err)
	w.handler.mux = w.newHandler(server).mux
	for reason, who := range map[string]map[string]string{"token-expired": api.headers("alice-token"), "client-certificate-expired": headers} {
		_, err := w.session(t, who).CallTool(t.Context(), &mcp.CallToolParams{Name: "late"})
		_, data := refused(t, err)
		require.Equal(t, reason, data.Reason)
	}
}

// clientPair is a client certificate and its key, as the headers hold them.
func clientPair(t *testing.T) (certificate, key string) {
	t.Helper()
	p := trial.NewAuthority(t).Issue(t)
	return base64.StdEncoding.EncodeToString(p.CertificatePEM()), base64.StdEncoding.EncodeToString(p.KeyPEM(t))
}
