package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/admit"
)

// gate stands between admit and go-sdk. It reads the message, so that go-sdk
// sees a whole one of bounded size; it refuses what go-sdk would take though the
// edge calls it unreadable; and where go-sdk answers in plain text, which most
// clients do not show, it answers as the edge does, with the request's id. A
// browser's page gets through only if the policy names it.
type gate struct {
	next    http.Handler
	log     *slog.Logger
	origins func() []string // of pages that may call
	refused func(kubeheader.Reason)
}

// ServeHTTP passes the message on, or says what is wrong with it.
func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := jsonrpc.Message{Method: r.Method, Versions: r.Header.Values(versionHeader)}
	if r.Method == http.MethodPost {
		var wrong *fault
		m.Body, wrong = readMessage(w, r)
		if wrong != nil {
			m.Truncated = wrong.cut
		}
		wrong = cmp.Or(g.foreign(r.Header), wrong)
		if wrong != nil {
			g.refuse(w, r, m, wrong)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(m.Body))
	} else if wrong := g.foreign(r.Header); wrong != nil {
		g.refuse(w, r, m, wrong)
		return
	}
	dropUnreadableVersion(r.Header, m.Body)
	p := &plain{ResponseWriter: w}
	g.next.ServeHTTP(p, r)
	if p.held() {
		g.refuse(w, r, m, faultOf(p.status, string(p.text)))
	}
}

// foreign is the fault of a page that may not call; nil for programs, which send
// no Origin, and for pages of the policy's origins. MCP asks for the check
// against pages that reach an endpoint by a name of their own (DNS rebinding):
// whatever is not exactly one known origin is refused.
func (g gate) foreign(header http.Header) *fault {
	values, ok := header["Origin"]
	if !ok || len(values) == 1 && slices.Contains(g.origins(), values[0]) {
		return nil
	}
	return &faultOrigin
}

func (g gate) refuse(w http.ResponseWriter, r *http.Request, m jsonrpc.Message, f *fault) {
	caller, _ := admit.FromContext(r.Context())
	g.log.LogAttrs(r.Context(), slog.LevelInfo, "message refused",
		slog.String("decision", caller.Decision),
		slog.String("fingerprint", caller.Verified.Fingerprint()),
		slog.String("reason", f.reason.String()))
	g.refused(f.reason)
	admit.Write(w, caller.Decision, f.answer(m, caller.Decision))
}

const versionHeader = "Mcp-Protocol-Version"

// dropUnreadableVersion leaves at most one MCP-Protocol-Version, and that a
// date. The edge takes any other for a legacy client's, which is one without;
// go-sdk takes it for a modern one's, since it compares strings. Only who names
// the same version in the message too is a modern client after all, and go-sdk
// tells him which it speaks.
func dropUnreadableVersion(header http.Header, body []byte) {
	values := header.Values(versionHeader)
	if len(values) == 1 {
		if _, err := time.Parse(time.DateOnly, values[0]); err == nil || values[0] == ownVersion(body) {
			return
		}
	}
	header.Del(versionHeader)
}

// ownVersion is what a modern client's message names as its version; "" without.
func ownVersion(body []byte) string {
	var message struct {
		Params struct {
			Meta struct {
				Version string `json:"io.modelcontextprotocol/protocolVersion"`
			} `json:"_meta"`
		} `json:"params"`
	}
	if json.Unmarshal(body, &message) != nil {
		return ""
	}
	return message.Params.Meta.Version
}

// readMessage reads the body: a JSON object, or an array of at most
// jsonrpc.MaxBatch entries. What it read of another is returned beside the
// fault. Network errors, which name addresses, end here.
func readMessage(w http.ResponseWriter, r *http.Request) ([]byte, *fault) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return body, &faultTooLarge
	}
	if err != nil {
		return body, &faultSlow
	}
	if wrong := checkShape(body); wrong != nil {
		return body, wrong
	}
	return body, checkIDs(body)
}

// checkIDs refuses what go-sdk would act on and then answer under another id: it
// reads ids as 64-bit floats, takes the last of two, and 1 for 1.5.
func checkIDs(body []byte) *fault {
	ids, ok := jsonrpc.IDs(body)
	if !ok {
		return &faultID
	}
	for _, id := range ids {
		if id[0] != '"' && !exact(id) {
			return &faultLargeID
		}
	}
	return nil
}

// exact reports whether a float holds this integer.
func exact(id []byte) bool {
	const most = 1 << 53
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && -most <= n && n <= most && string(id) != "-0"
}

// checkShape is strict where go-sdk is not: go-sdk reads the first JSON value
// and ignores what follows, and takes arrays of any length, every entry of which
// starts a call at once. The parser is the one with which the edge looks for the
// id, so that both know the same messages.
func checkShape(body []byte) *fault {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	err := errNeither
	switch dec.PeekKind() { //nolint:exhaustive // the other kinds are no message
	case jsontext.KindBeginObject:
		err = dec.SkipValue()
	case jsontext.KindBeginArray:
		err = skipBatch(dec)
	}
	if errors.Is(err, errBatchTooLarge) {
		return &faultBatchTooLarge
	}
	if err != nil {
		return &faultNotJSON
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return &faultNotJSON
	}
	return nil
}

var (
	errNeither       = errors.New("neither object nor array")
	errBatchTooLarge = errors.New("too many entries")
)

// skipBatch reads an array and stops at the first entry too many.
func skipBatch(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for n := 0; dec.PeekKind() != jsontext.KindEndArray; n++ {
		if n == jsonrpc.MaxBatch {
			return errBatchTooLarge
		}
		if err := dec.SkipValue(); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}
