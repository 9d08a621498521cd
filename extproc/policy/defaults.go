package policy

import (
	"bytes"
	"fmt"
	"strings"
)

// preface opens the file of defaults.
const preface = "The policy: which clusters, credentials and ingresses are allowed. Both programs read this one file (--policy). " +
	"Reading is strict: an unknown key, a wrong type or an entry that could never match is an error with file, line, key and the next step. " +
	"Every key is shown with its default, which may be left out. Without a host nothing is allowed: set hosts or networks."

// Defaults is a commented policy file that shows every key with its default:
// what the file means that has the two required keys alone. It allows no host.
func Defaults() []byte {
	var out bytes.Buffer
	comment(&out, "", preface)
	for _, k := range defaults().keys() {
		out.WriteByte('\n')
		k.write(&out, "")
	}
	return out.Bytes()
}

// write writes the key, what is below it, and what it means above it.
func (k key) write(out *bytes.Buffer, indent string) {
	comment(out, indent, k.about)
	below, nested := k.value.(mapping)
	if !nested {
		_, _ = fmt.Fprintf(out, "%s%s: %s\n", indent, k.name, k.value.standard())
		return
	}
	_, _ = fmt.Fprintf(out, "%s%s:\n", indent, k.name)
	for _, k := range below.keys {
		k.write(out, indent+"  ")
	}
}

// commentWidth is where a line of a comment ends.
const commentWidth = 80

// comment writes text as a comment, wrapped between words.
func comment(out *bytes.Buffer, indent, text string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > commentWidth {
			out.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	out.WriteString(line + "\n")
}

// sentenceOf lists words in a sentence.
func sentenceOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
