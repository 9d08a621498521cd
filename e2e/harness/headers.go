package harness

import (
	"encoding/base64"
	"strings"
)

// Header is one header line.
type Header struct{ Name, Value string }

// Headers are header lines in the order in which they are sent. A name may
// stand more than once.
type Headers []Header

// With returns a copy in which name has exactly this value, in its old place
// or at the end.
func (h Headers) With(name, value string) Headers {
	out := make(Headers, 0, len(h)+1)
	placed := false
	for _, header := range h {
		switch {
		case !strings.EqualFold(header.Name, name):
			out = append(out, header)
		case !placed:
			out, placed = append(out, Header{name, value}), true
		}
	}
	if !placed {
		out = append(out, Header{name, value})
	}
	return out
}

// Without returns a copy that lacks the names.
func (h Headers) Without(names ...string) Headers {
	out := make(Headers, 0, len(h))
next:
	for _, header := range h {
		for _, name := range names {
			if strings.EqualFold(header.Name, name) {
				continue next
			}
		}
		out = append(out, header)
	}
	return out
}

// Plus returns a copy with one more line at the end.
func (h Headers) Plus(name, value string) Headers {
	return append(append(make(Headers, 0, len(h)+1), h...), Header{name, value})
}

// Get is the first value of name, or "".
func (h Headers) Get(name string) string {
	for _, header := range h {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

// Map is for clients that take headers as a map; the last line of a name wins.
func (h Headers) Map() map[string]string {
	out := make(map[string]string, len(h))
	for _, header := range h {
		out[header.Name] = header.Value
	}
	return out
}

// b64 is how PEM travels in a header.
func b64(pem string) string { return base64.StdEncoding.EncodeToString([]byte(pem)) }
