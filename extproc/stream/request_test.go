package stream

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/stretchr/testify/require"
)

func TestReadKeepsEveryLineInOrder(t *testing.T) {
	r := read(headers(false, post(
		line("kubernetes-server", "a"), line("cookie", "c"), line("kubernetes_server", "b"), line("kubernetes-server", ""),
		line("kubernetes", "d"), line("x-kubernetes-server", "e"), line("Kubernetes-Namespace", "f"),
		line("mcp-protocol-version", "1"), line("mcp-protocol-version", "2"), line("x-forwarded-proto", "http"),
	)...).GetRequestHeaders())
	got := make([][2]string, 0, len(r.facts.Fields))
	for _, f := range r.facts.Fields {
		got = append(got, [2]string{f.Name, string(f.Value.Reveal())})
	}
	require.Equal(t, [][2]string{
		{"kubernetes-server", "a"}, {"kubernetes_server", "b"}, {"kubernetes-server", ""}, {"kubernetes", "d"}, {"Kubernetes-Namespace", "f"},
	}, got)
	require.Equal(t, []string{"1", "2"}, r.versions)
	require.Equal(t, [][]byte{[]byte("https"), []byte("http")}, r.facts.ForwardedProto)
	require.Equal(t, "POST", r.method)
	require.Equal(t, decision, r.decision)
	require.False(t, r.named)
}

func TestValueIsRawValueUnlessEmpty(t *testing.T) {
	require.Equal(t, []byte("raw"), value(&corev3.HeaderValue{RawValue: []byte("raw"), Value: "text"}))
	require.Equal(t, []byte("text"), value(&corev3.HeaderValue{Value: "text"}))
	require.Equal(t, []byte{0xff}, value(&corev3.HeaderValue{RawValue: []byte{0xff}}))
	require.Empty(t, value(&corev3.HeaderValue{}))
}

func TestServiceName(t *testing.T) {
	require.Equal(t, ServiceName, extprocv3.ExternalProcessor_ServiceDesc.ServiceName)
}

func TestUnsoundConfigurationIsWarnedOfOnce(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*extprocv3.ProcessingRequest)
		want   string
	}{
		"sound":         {func(*extprocv3.ProcessingRequest) {}, ""},
		"observability": {func(m *extprocv3.ProcessingRequest) { m.ObservabilityMode = true }, "observability_mode"},
		"eager body": {func(m *extprocv3.ProcessingRequest) {
			m.ProtocolConfig = &extprocv3.ProtocolConfiguration{SendBodyWithoutWaitingForHeaderResponse: true}
		}, "send_body_without_waiting"},
		"duplex": {func(m *extprocv3.ProcessingRequest) {
			m.ProtocolConfig = &extprocv3.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED}
		}, "FULL_DUPLEX_STREAMED"},
		"duplex response": {func(m *extprocv3.ProcessingRequest) {
			m.ProtocolConfig = &extprocv3.ProtocolConfiguration{ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED}
		}, "FULL_DUPLEX_STREAMED"},
		"always buffered": {func(m *extprocv3.ProcessingRequest) {
			m.ProtocolConfig = &extprocv3.ProtocolConfiguration{RequestBodyMode: filterv3.ProcessingMode_BUFFERED}
		}, "request_body_mode is not NONE"},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t, allowing(t))
			for range 3 {
				m := headers(false, post()...)
				row.change(m)
				c := g.open()
				c.send(m)
				require.NotNil(t, c.receive().GetRequestHeaders(), "a warning changes no verdict")
				c.closed()
				require.NoError(t, g.end())
			}
			if row.want == "" {
				require.NotContains(t, g.logs.String(), "WARN")
				return
			}
			require.Equal(t, 1, strings.Count(g.logs.String(), `"level":"WARN"`))
			require.Contains(t, g.logs.String(), row.want)
		})
	}
}
