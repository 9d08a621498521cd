package logpipe

import (
	"bytes"
	"io"
	"log/slog"
)

// Format is how a line of a log looks.
type Format string

// The formats, as the command line spells them.
const (
	JSON Format = "json"
	Text Format = "text"
)

// Open makes a log of lines from this level on that goes to a writer through a
// Pipe, which is to be closed at the end. Once lines were dropped, the log says
// how many.
func Open(to io.Writer, level slog.Leveler, format Format) (*slog.Logger, *Pipe) {
	pipe := New(to, func(lines uint64) []byte {
		var note bytes.Buffer
		slog.New(format.handler(&note, level)).Warn("lines of the log were dropped: standard error takes them too slowly or not at all", "lines", lines)
		return note.Bytes()
	})
	return slog.New(format.handler(pipe, level)), pipe
}

func (f Format) handler(to io.Writer, level slog.Leveler) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if f == Text {
		return slog.NewTextHandler(to, options)
	}
	return slog.NewJSONHandler(to, options)
}
