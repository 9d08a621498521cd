package harness

import (
	"bytes"
	"fmt"
	"strings"
)

// newerLines are the parts of the rendered configuration that an older Envoy
// does not know and would not start with.
var newerLines = []struct {
	since string // the first version that knows it
	begin string // the line, without its indentation
}{
	// Without it, whoever reaches the admin interface, which is on loopback, may
	// ask for every page.
	{"1.37", "allow_paths:"},
	// Without it, a single header of more than about 64 KiB resets an HTTP/2 stream.
	{"1.38", "max_header_field_size_kb:"},
}

// forVersion takes out of a configuration what an Envoy of this version, such as
// 1.36.4, does not know. Versions compare as text while all have two digits.
func forVersion(version string, config []byte) ([]byte, error) {
	for _, newer := range newerLines {
		if version >= newer.since {
			continue
		}
		var kept [][]byte
		below := -1 // indentation of the line that goes, while its block lasts
		found := false
		for line := range bytes.Lines(config) {
			text := strings.TrimLeft(string(line), " ")
			indent := len(line) - len(text)
			switch {
			case below >= 0 && (indent > below || indent == below && strings.HasPrefix(text, "- ")):
				continue
			case strings.HasPrefix(text, newer.begin):
				below, found = indent, true
				continue
			}
			below = -1
			kept = append(kept, line)
		}
		if !found {
			return nil, fmt.Errorf("harness: the configuration has no %s that Envoy %s would not know", newer.begin, version)
		}
		config = bytes.Join(kept, nil)
	}
	return config, nil
}
