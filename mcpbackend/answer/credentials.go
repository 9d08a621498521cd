package answer

import (
	"regexp"
	"slices"
	"strings"
)

// Redacted stands for a value that is not shown. It tells nothing of its size.
const Redacted = "[redacted]"

// secrets are shapes that are credentials wherever they stand: JSON Web Tokens
// (also those of service accounts) and private keys in PEM and OpenPGP armour.
var secrets = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*` +
	`|-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)` +
	`|(?:[A-Za-z0-9+/=]+[ \t]*\r?\n[ \t]*)+-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----`) // the newest lines of a log may begin within one

// encoded is base64, in one piece or wrapped: by line breaks, or by what stands
// for them in a quoted string.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}(?:` + wrap + `[A-Za-z0-9+/_-]+)*(?:(?:` + wrap + `)?=){0,2}`)

const wrap = `(?:\s*\n\s*|(?:\\r)?\\n)`

// breaks are what wraps base64.
var breaks = strings.NewReplacer("\n", "", "\t", "", " ", "", `\r`, "", `\n`, "")

// keyMarks are "PRIVATE KEY" in base64, at each of the three offsets that
// base64 has, without the characters at the ends that depend on what is beside.
var keyMarks = []string{"UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW"}

// Redact takes credentials out of text.
func Redact(s string) string { return redact(s, false) }

// redact is Redact where it may be known that what looks like a bootstrap token
// is one.
func redact(s string, sure bool) string { return redactManifests(redactShapes(s, sure)) }

// redactShapes takes out what is a credential by its shape alone.
func redactShapes(s string, sure bool) string {
	if strings.Contains(s, "eyJ") || strings.Contains(s, "PRIVATE KEY") { // most texts cost no more than a look
		s = secrets.ReplaceAllString(s, Redacted)
	}
	if strings.Contains(s, ".") {
		s = redactBootstrap(s, sure)
	}
	if marked(breaks.Replace(s)) { // what no whole text holds no piece of it does
		s = encoded.ReplaceAllStringFunc(s, redactEncoded)
	}
	return s
}

// marked reports whether a text without breaks holds an encoded key.
func marked(s string) bool {
	return slices.ContainsFunc(keyMarks, func(mark string) bool { return strings.Contains(s, mark) })
}

func redactEncoded(match string) string {
	if marked(breaks.Replace(match)) {
		return Redacted
	}
	return match
}

// secretKind finds the words of a Secret's manifest, in YAML, in JSON or in JSON
// Within JSON.
var secretKind = regexp.MustCompile(`\bkind[\\"']*\s*:\s*[\\"']*Secret(?:List)?\b`)

// secretKindLine is the same on a line of its own, as block YAML has it.
var secretKindLine = regexp.MustCompile(`(?m)^[ \t]*(?:- +)*["']?kind["']?[ \t]*:[ \t]*["']?Secret(?:List)?["']?[ \t]*(?:#.*)?$`)

// secretField is a field that holds the values, likewise on a line of its own.
var secretField = regexp.MustCompile(`^([ \t]*(?:- +)*)(["']?(?:data|stringData)["']?[ \t]*:)[ \t]*([^ \t].*)?$`)

// secretWord is the same anywhere.
var secretWord = regexp.MustCompile(`(?m)(?:^|[^\w./-])(?:data|stringData)[\\"']*\s*:`)

// redactManifests takes the values out of Secrets that stand as text in another
// Object: YAML keeps all but them, what is written in any other way goes as a
// whole.
func redactManifests(s string) string {
	kinds := secretKind.FindAllStringIndex(s, -1)
	if kinds == nil || !secretWord.MatchString(s) {
		return s
	}
	if len(secretKindLine.FindAllStringIndex(s, -1)) != len(kinds) {
		return Redacted
	}
	var out strings.Builder
	field := -1 // the column of the field that is being left out
	for l := range strings.Lines(s) {
		text := strings.TrimSuffix(l, "\n")
		indent := len(text) - len(strings.TrimLeft(text, " \t"))
		if field >= 0 && (strings.TrimSpace(text) == "" || indent > field || indent == field && strings.HasPrefix(text[indent:], "-")) {
			continue
		}
		field = -1
		m := secretField.FindStringSubmatch(text)
		switch {
		case m == nil && secretWord.MatchString(text), m != nil && strings.ContainsAny(m[3], "{[\"'&*!"):
			return Redacted // not block YAML
		case m == nil:
			out.WriteString(l)
		default:
			field = len(m[1])
			out.WriteString(m[1] + m[2] + " " + Redacted + "\n")
		}
	}
	return out.String()
}
