package kube

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escapes are whole terminal sequences (ECMA-48 CSI; OSC, DCS, PM, APC up to
// their end; two-character ones), so that no rest of them stays behind as text.
var escapes = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]|\u009b[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]")

// Clean takes out of text everything that is not for reading: terminal
// sequences, control characters except line feed and tab, marks that reverse
// the order of letters or take no space, and bytes that are no UTF-8. Models
// and terminals obey such characters, people do not see them.
func Clean(s string) string {
	if printable(s) {
		return s
	}
	s = escapes.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		if Hidden(r) {
			return -1
		}
		return r
	}, s)
}

// printable is the fast way: printable ASCII, line feeds and tabs.
func printable(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// Hidden reports whether a rune steers instead of being read: Cc, and Cf and
// its kin (zero-width, bidi, tags, variation selectors, line separators).
func Hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return true
	}
	return false
}
