package kube

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text\n\twith tabs":                        "plain text\n\twith tabs",
		"grün, Ωμέγα, 🙂":                                 "grün, Ωμέγα, 🙂",
		"\x1b[31mred\x1b[0m":                             "red",
		"\x1b]8;;http://example.com\x07link\x1b]8;;\x07": "link",
		"\x1b]0;title\x1b\\after":                        "after",
		"\x1bPdevice\x1b\\after":                         "after",
		"\u009b31mred":                                   "red",
		"\x1bcreset":                                     "reset",
		"bell\a, back\b, return\r, delete\x7f":           "bell, back, return, delete",
		"a\u202eb\u2066c\u2069":                          "abc",
		"zero\u200bwidth\ufeff\u00ad\u2060":              "zerowidth",
		"tag\U000E0041\U000E007F":                        "tag",
		"line\u2028paragraph\u2029":                      "lineparagraph",
		"next\u0085line":                                 "nextline",
		"variation\ufe0f\U000E0100":                      "variation",
		"private\ue000":                                  "private",
		"filler\u3164\u115f":                             "filler",
		"bad\xffbyte":                                    "bad\ufffdbyte",
		"unfinished \x1b[":                               "unfinished ",
		"unfinished \x1b]0;x":                            "unfinished ",
	} {
		require.Equal(t, want, Clean(in), "%q", in)
		require.Equal(t, want, Clean(Clean(in)), "%q", in)
	}
}

// TestCleanEveryRune: what comes through is for reading.
func TestCleanEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r == 0x30000 {
			r = 0xE0000 // between them no rune is assigned
		}
		if r == 0xE1000 {
			break // private use
		}
		cleaned := Clean(string(r))
		for _, c := range cleaned {
			if unicode.In(c, unicode.Cc, unicode.Cf) && c != '\n' && c != '\t' {
				t.Fatalf("%U came through", r)
			}
		}
		if unicode.IsLetter(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point) && cleaned != string(r) {
			t.Fatalf("%U, a letter, did not", r)
		}
	}
}
