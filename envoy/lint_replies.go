package envoy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

func replyRules() []rule[*edge] {
	return []rule[*edge]{
		{"local-replies", "answer in local_reply_config with the mappers of envoy/replies.go, in their order: Envoy's own answers are JSON-RPC too, and the guard's stay as they are", localReplies},
		{"local-reply-headers", "add no-store and the CORS headers to every local reply: a browser must be able to read it", func(e *edge) bool {
			for _, m := range e.manager.GetLocalReplyConfig().GetMappers() {
				got := make([][2]string, 0, len(m.GetHeadersToAdd()))
				for _, h := range m.GetHeadersToAdd() {
					got = append(got, [2]string{h.GetHeader().GetKey(), h.GetHeader().GetValue()})
				}
				if !slices.Equal(got, replyHeaders()) || m.GetBodyFormatOverride().GetContentType() != "application/json" {
					return false
				}
			}
			return true
		}},
		{"access-log", "write one access log to a file, with the guard's verdict, reason and credential, the decision and response code details", func(e *edge) bool {
			format := logged(e)
			for _, want := range []string{
				"%DYNAMIC_METADATA(kube_guard:verdict)%", "%DYNAMIC_METADATA(kube_guard:reason)%", "%DYNAMIC_METADATA(kube_guard:credential)%",
				decision, "%RESPONSE_CODE%", "%RESPONSE_CODE_DETAILS%",
			} {
				if !strings.Contains(format, want) {
					return false
				}
			}
			return true
		}},
		{"access-log-secrets", "log no request header but :method and, by the expression of envoy/replies.go, x-request-id, and the path without query: others may be secrets", func(e *edge) bool {
			for _, operator := range operators.FindAllString(logged(e), -1) {
				if !slices.Contains([]string{strings.TrimSuffix(decision, "%"), "%REQ(:METHOD)", "%PATH(NQ)"}, operator) {
					return false
				}
			}
			return true
		}},
	}
}

// operators finds what an access log format takes from the request.
var operators = regexp.MustCompile(`%(REQ|REQ_WITHOUT_QUERY|PATH|QUERY_PARAM|QUERY_PARAMS|REQUEST_HEADERS|COALESCE|CEL)\([^)]*\)`)

func logged(e *edge) string {
	var out strings.Builder
	for _, l := range e.manager.GetAccessLog() {
		file := &filev3.FileAccessLog{}
		if l.GetTypedConfig().UnmarshalTo(file) != nil {
			continue
		}
		// Nothing is escaped but quotes and angle brackets, which no operator has.
		text, err := protojson.Marshal(file)
		if err == nil {
			_, _ = out.Write(text)
		}
	}
	return out.String()
}

func localReplies(e *edge) bool {
	mappers := e.manager.GetLocalReplyConfig().GetMappers()
	want := replies()
	if len(mappers) != len(want) {
		return false
	}
	for i, m := range mappers {
		expression := &celv3.ExpressionFilter{}
		if m.GetFilter().GetExtensionFilter().GetTypedConfig().UnmarshalTo(expression) != nil {
			return false
		}
		body := &structpb.Struct{}
		if json.Unmarshal([]byte(want[i].Body), body) != nil {
			return false
		}
		if expression.GetExpression() != want[i].When || int(m.GetStatusCode().GetValue()) != want[i].Status ||
			!proto.Equal(m.GetBodyFormatOverride().GetJsonFormat(), body) {
			return false
		}
	}
	return true
}
