package kube

import (
	"log/slog"
	"slices"
	"strconv"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// QuietLibraries sends what client-go logs to log, instead of to stderr in
// client-go's own format. It is called once, before the first client is built.
//
// Only errors and V(0) lines pass, whatever verbosity anybody sets: from V(6)
// up client-go prints URLs, headers and bodies. Every value is quoted, so that
// text from a server cannot forge a line.
func QuietLibraries(log *slog.Logger) {
	klog.SetLoggerWithOptions(logr.New(quietSink{log: log}), klog.ContextualLogger(true))
}

// quietSink is a logr.LogSink for one slog.Logger.
type quietSink struct {
	log  *slog.Logger
	with []any
	name string
}

// Init is logr's hook.
func (quietSink) Init(logr.RuntimeInfo) {}

// Enabled lets V(0) pass.
func (quietSink) Enabled(level int) bool { return level <= 0 }

// Info logs at debug: what a library has to say is never an operator's news.
func (s quietSink) Info(level int, msg string, keysAndValues ...any) {
	if s.Enabled(level) {
		s.log.Debug("client-go", s.attributes(msg, keysAndValues)...)
	}
}

// Error logs at warn.
func (s quietSink) Error(err error, msg string, keysAndValues ...any) {
	attributes := s.attributes(msg, keysAndValues)
	if err != nil {
		attributes = append(attributes, "error", quote(err.Error()))
	}
	s.log.Warn("client-go", attributes...)
}

// WithValues is logr's hook.
func (s quietSink) WithValues(keysAndValues ...any) logr.LogSink {
	s.with = append(slices.Clip(s.with), keysAndValues...)
	return s
}

// WithName is logr's hook.
func (s quietSink) WithName(name string) logr.LogSink {
	s.name = name
	return s
}

// attributes keeps the message and the keys. Values of unknown types are left
// out: a rest.Config among them would print its key.
func (s quietSink) attributes(msg string, keysAndValues []any) []any {
	out := []any{"message", quote(msg)}
	for pair := range slices.Chunk(slices.Concat(s.with, keysAndValues), 2) {
		if len(pair) < 2 {
			break
		}
		key, ok := pair[0].(string)
		if !ok {
			continue
		}
		switch value := pair[1].(type) {
		case string:
			out = append(out, quote(key), quote(value))
		case error:
			out = append(out, quote(key), quote(value.Error()))
		case int, int64, bool:
			out = append(out, quote(key), value)
		}
	}
	return out
}

// maxLogged bounds one logged text, in bytes.
const maxLogged = 200

func quote(s string) string {
	if len(s) > maxLogged {
		s = s[:maxLogged]
	}
	quoted := strconv.QuoteToASCII(s)
	return quoted[1 : len(quoted)-1]
}
