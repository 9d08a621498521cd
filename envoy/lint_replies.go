package envoy

import (
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"

	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

func replyRules() []rule[*edge] {
	return []rule[*edge]{
		{Rule{
			"local-replies", "what Envoy answers itself does not reach the person",
			"Clients understand JSON-RPC; a bare 403 or 404 makes some start OAuth. The guard's own answers must stay as they are.",
			"write the mappers of bootstrap.yaml into local_reply_config, in their order",
		}, localReplies},
		{Rule{
			"local-reply-headers", "a browser cannot read what Envoy answers itself",
			"It needs the CORS headers, and no answer of an error may be stored.",
			"add to every mapper the headers of bootstrap.yaml, and content_type application/json",
		}, func(e *edge, hit hit) {
			for i, m := range e.manager.GetLocalReplyConfig().GetMappers() {
				at := e.at.field("local_reply_config", "mappers").item(i)
				got := make([][2]string, 0, len(m.GetHeadersToAdd()))
				for _, h := range m.GetHeadersToAdd() {
					got = append(got, [2]string{h.GetHeader().GetKey(), h.GetHeader().GetValue()})
				}
				hit.when(!slices.Equal(got, replyHeaders()), at.field("headers_to_add"))
				hit.when(m.GetBodyFormatOverride().GetContentType() != "application/json", at.field("body_format_override", "content_type"))
			}
		}},
		{Rule{
			"access-log", "the access log does not tell what the guard decided",
			"Its decision id, verdict and reason are how an operator finds a caller's request.",
			"write one access log to a file, with the decision, %RESPONSE_CODE%, %RESPONSE_CODE_DETAILS% and the guard's verdict, reason and credential from the metadata kube_guard",
		}, accessLog},
		{Rule{
			"access-log-secrets", "the access log takes from the request what may be a secret",
			"A query string or a header can hold a token.",
			"log of the request only %REQ(:METHOD)%, %PATH(NQ)% and the decision by the expression of bootstrap.yaml",
		}, func(e *edge, hit hit) {
			for i := range e.manager.GetAccessLog() {
				at := e.at.field("access_log").item(i).field("typed_config")
				eachString(e.object(at), at, func(s string, at *place) {
					for _, op := range operators.FindAllString(s, -1) {
						if !slices.Contains(loggable(), op) {
							hit(at, "")
						}
					}
				})
			}
		}},
	}
}

// operators finds what an access log format takes from the request.
var operators = regexp.MustCompile(`%(REQ|REQ_WITHOUT_QUERY|PATH|QUERY_PARAM|QUERY_PARAMS|REQUEST_HEADERS|COALESCE|CEL)\([^)]*\)`)

// loggable are the operators that take no secret.
func loggable() []string {
	return append(operators.FindAllString(decision, -1), "%REQ(:METHOD)", "%PATH(NQ)")
}

// eachString visits every string below a place, keys left out.
func eachString(v any, at *place, visit func(s string, at *place)) {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			eachString(item, at.entry(key), visit)
		}
	case []any:
		for i, item := range v {
			eachString(item, at.item(i), visit)
		}
	case string:
		visit(v, at)
	}
}

func accessLog(e *edge, hit hit) {
	var formats []string
	for i, l := range e.manager.GetAccessLog() {
		m, _ := open(l.GetTypedConfig())
		if _, ok := m.(*filev3.FileAccessLog); ok {
			at := e.at.field("access_log").item(i).field("typed_config")
			eachString(e.object(at), at, func(s string, _ *place) { formats = append(formats, s) })
		}
	}
	for _, want := range []string{
		"%DYNAMIC_METADATA(kube_guard:verdict)%", "%DYNAMIC_METADATA(kube_guard:reason)%", "%DYNAMIC_METADATA(kube_guard:credential)%",
		decision, "%RESPONSE_CODE%", "%RESPONSE_CODE_DETAILS%",
	} {
		if !slices.Contains(formats, want) {
			hit(e.at.field("access_log"), "not logged: "+want)
		}
	}
}

func localReplies(e *edge, hit hit) {
	mappers, at := e.manager.GetLocalReplyConfig().GetMappers(), e.at.field("local_reply_config", "mappers")
	want := replies()
	if len(mappers) != len(want) {
		hit(at, "not the mappers of bootstrap.yaml")
		return
	}
	for i, m := range mappers {
		opened, _ := open(m.GetFilter().GetExtensionFilter().GetTypedConfig())
		expression, _ := opened.(*celv3.ExpressionFilter)
		hit.when(expression.GetExpression() != want[i].When, at.item(i).field("filter", "extension_filter", "typed_config", "expression"))
		hit.when(int(m.GetStatusCode().GetValue()) != want[i].Status, at.item(i).field("status_code"))
		body, fields := &structpb.Struct{}, map[string]any{}
		if json.Unmarshal([]byte(want[i].Body), &fields) != nil || !unmarshal(fields, body) || !proto.Equal(m.GetBodyFormatOverride().GetJsonFormat(), body) {
			hit(at.item(i).field("body_format_override", "json_format"), "")
		}
	}
}
