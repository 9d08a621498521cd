package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Response is an HTTP answer, body read.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Client speaks plain HTTP and nothing of MCP: what it sends is what the test
// wrote. Requests of one Client share its connections.
type Client struct {
	http  http.Client
	dials atomic.Int64
}

// callTimeout is longer than every timeout of the stack.
const callTimeout = 30 * time.Second

// NewClient returns a client for HTTP/1.1, or for HTTP/2 without TLS.
func NewClient(http2 bool) *Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	c := new(Client)
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		c.dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	c.http = http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 16, DialContext: dial},
	}
	return c
}

// Connections is how many were opened so far.
func (c *Client) Connections() int { return int(c.dials.Load()) }

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post sends body as an MCP client would, with these headers.
func (c *Client) Post(ctx context.Context, address string, headers Headers, body string) (Response, error) {
	return c.Do(ctx, http.MethodPost, address, headers, strings.NewReader(body))
}

// Do sends a request. Content-Type and Accept are those of an MCP client unless
// headers say otherwise.
func (c *Client) Do(ctx context.Context, method, address string, headers Headers, body io.Reader) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return Response{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for _, h := range headers {
		if h.Name == "Content-Type" || h.Name == "Accept" {
			req.Header.Set(h.Name, h.Value)
			continue
		}
		// Not Add: names go out as the test spells them.
		req.Header[h.Name] = append(req.Header[h.Name], h.Value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return Response{Status: res.StatusCode, Header: res.Header, Body: text}, err
}

// Message is the JSON-RPC message in the body: the body itself, or the data of
// the first event of a stream.
func (r Response) Message() []byte {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream") {
		return r.Body
	}
	for line := range bytes.Lines(r.Body) {
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			return bytes.TrimSpace(data)
		}
	}
	return nil
}

// RPC is a JSON-RPC response as it stands in the body.
type RPC struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *RPCError       `json:"error"`
}

// RPCError is the error member with the data that this product puts in.
type RPCError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    struct {
		Reason   string `json:"reason"`
		Header   string `json:"header"`
		Decision string `json:"decision"`
		Problems []struct {
			Reason  string `json:"reason"`
			Header  string `json:"header"`
			Message string `json:"message"`
		} `json:"problems"`
	} `json:"data"`
}

// RPC decodes Message.
func (r Response) RPC() (RPC, error) {
	var out RPC
	err := json.Unmarshal(r.Message(), &out)
	return out, err
}

// ToolResult is the result of tools/call.
type ToolResult struct {
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
}

// Text is all text content.
func (t ToolResult) Text() string {
	var out strings.Builder
	for _, c := range t.Content {
		out.WriteString(c.Text)
	}
	return out.String()
}

// CallTool sends tools/call in the stateless style of a client that knows what
// it wants, and decodes the result. A JSON-RPC error is returned in rpc.
func (c *Client) CallTool(ctx context.Context, address string, headers Headers, tool, arguments string) (ToolResult, RPC, error) {
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + arguments + `}}`
	res, err := c.Post(ctx, address, headers.With("MCP-Protocol-Version", "2025-11-25"), body)
	if err != nil {
		return ToolResult{}, RPC{}, err
	}
	rpc, err := res.RPC()
	if err != nil || rpc.Error != nil {
		return ToolResult{}, rpc, err
	}
	var out ToolResult
	err = json.Unmarshal(rpc.Result, &out)
	return out, rpc, err
}
