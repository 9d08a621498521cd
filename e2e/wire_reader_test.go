package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWireReader: a file that does not say what it means fails, and so does a
// folder without files.
func TestWireReader(t *testing.T) {
	const send, want = "Why.\n-- send --\nx\n", "status 200\nupstream 0\ncalls 0\nthen open\n"
	folder := t.TempDir()
	_, err := readWireCases(folder)
	require.ErrorContains(t, err, "holds no case")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.txtar"), []byte(send+"-- want --\n"+want), 0o600))
	cases, err := readWireCases(folder)
	require.NoError(t, err)
	require.Len(t, cases, 1)
	require.Equal(t, "a", cases[0].name)
	for text, says := range map[string]string{
		"-- send --\nx\n-- want --\n" + want: "no word on the bug",
		"Why.\n":                             "sends nothing",
		"Why.\n-- want --\n" + want:          "nothing was sent yet",
		send + "-- expect --\n" + want:       "no such section",
		send + "-- want ugly --\n" + want:    "no such section",
		send:                                 "wants nothing",
		send + "-- want --\n" + want + "-- want --\n" + want:                                "twice",
		send + "-- want --\n" + want + "-- want good --\n" + want:                           "does not go together",
		send + "-- want good --\n" + want:                                                   "{{headers}} goes together",
		"Why.\n-- send --\n{{headers}}\n-- want --\n" + want:                                "{{headers}} goes together",
		send + "-- want --\nupstream 0\ncalls 0\n-- frames --\nx\n-- want --\n" + want:      "another protocol",
		send + "-- want --\nstatus 200\nupstream 0\ncalls 0\n":                              "what becomes of the connection",
		send + "-- want --\nstatus 200\nthen open\n":                                        "has to be said",
		send + "-- want --\nstatus 200\ncalls 0\nupstream no\n":                             "invalid syntax",
		send + "-- want --\nid 7\n" + want:                                                  "begins with its status",
		send + "-- want --\nstatus 400\nerror -32602 unknown-header\nupstream 0\ncalls 0\n": "have an id or no id",
		send + "-- want --\nstatus 400\nerror -32602 nonsense\n":                            "no such reason",
		send + "-- want --\nstatus 200\nuser alice\nid 1\nid 2\nupstream 0\ncalls 0\n":      "several ids without batch",
		send + "-- want --\nstatus 200\ncolour red\n":                                       "no such word",
		send + "-- want --\nstatus 200\nno sense\n":                                         "no what",
		send + "-- want --\nthen ajar\n":                                                    "open or closed",
		send + "-- want --\nupstream 0\ncalls 0\n-- send --\nx\n":                           "lacks an answer",
	} {
		_, err := readWireCase([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
}

// TestWireBytes: the little language, as testdata/wire/README.md has it.
func TestWireBytes(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb":                       "ab",
		`\r\n\x00\xff`:               "\r\n\x00\xff",
		`"\u0061\"\\\/\t"`:           `"\u0061\"\\\/\t"`,
		"{{repeat 3 ab}}":            "ababab",
		`{{repeat 2 \x41}}`:          "AA",
		"{{call 7}}":                 wireCall("7"),
		"{{post}}":                   wirePost,
		"{{chunk}}{{call 7}}{{end}}": "58\r\n" + wireCall("7") + "\r\n",
		"{{chunk;a=b}}xy{{end}}":     "2;a=b\r\nxy\r\n",
		`l: {{length}}\r\n\r\nbody{{next}}l: {{length}}\r\n\r\n`: "l: 4\r\n\r\nbodyl: 0\r\n\r\n",
	} {
		got, err := wireBytes(text, "")
		require.NoError(t, err, text)
		require.Equal(t, want, string(got))
	}
	for text, says := range map[string]string{
		"{{post": "without its end", "{{chunk}}x": "without {{end}}", "{{sausage}}": "no macro",
		"{{good headers mallory}}": "no macro", "{{fair headers alice}}": "no macro", "{{repeat x y}}": "invalid syntax",
	} {
		_, err := wireBytes(text, "")
		require.ErrorContains(t, err, says, text)
	}
}
