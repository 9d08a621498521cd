package stream

import (
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
)

// inspect looks at what a first message tells of Envoy's configuration and
// warns, once, if rejections cannot work with it. It changes no verdict: the
// stripped headers and the proof hold under any configuration.
func (s *Server) inspect(in *extprocv3.ProcessingRequest) {
	var problem string
	config := in.GetProtocolConfig()
	switch {
	case in.GetObservabilityMode():
		problem = "observability_mode is on: Envoy ignores every verdict; turn it off"
	case config.GetSendBodyWithoutWaitingForHeaderResponse():
		problem = "send_body_without_waiting_for_header_response is on: Envoy ignores mode overrides; turn it off"
	case config.GetRequestBodyMode() == filterv3.ProcessingMode_FULL_DUPLEX_STREAMED,
		config.GetResponseBodyMode() == filterv3.ProcessingMode_FULL_DUPLEX_STREAMED:
		problem = "a body mode is FULL_DUPLEX_STREAMED: Envoy ignores mode overrides; set it to NONE"
	case config.GetRequestBodyMode() != filterv3.ProcessingMode_NONE:
		problem = "request_body_mode is not NONE: every request waits for its body; set it to NONE"
	default:
		return
	}
	s.unsound.Do(func() { s.config.Log.Warn("envoy's ext_proc filter is set up wrongly", "problem", problem) })
}
