package hostpolicy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asOf is when the tables were last compared with their sources. Whoever
// changes a row compares again, then sets this date here and in data/README.md
// and the file's digest below: a table is not edited in passing.
const asOf = "2026-11-24"

var pinned = map[string]string{
	"iana-ipv4.csv":    "8e7731edddbf07f62240afffb7a6d19503f14701a3caa1321f15331eb74d721c",
	"iana-ipv6.csv":    "da2fb475d41f71d8139b325bd63bf41c420071f677696d225c70d631b577dc30",
	"metadata.csv":     "7d75a0dc5734bdb4f75cac63b34d04beec4d0e34b69a007213bd82e4d0476b6d",
	"other-ranges.csv": "f182d38b847ca93887125f84a28cf66cf80e752aeac14d8e806dc5c906def101",
}

func TestTablesArePinned(t *testing.T) {
	files, err := filepath.Glob("data/*.csv")
	require.NoError(t, err)
	require.Len(t, files, len(pinned))
	for _, file := range files {
		embedded, err := data.ReadFile(filepath.ToSlash(file))
		require.NoError(t, err)
		sum := sha256.Sum256(embedded)
		require.Equal(t, pinned[filepath.Base(file)], hex.EncodeToString(sum[:]),
			"%s changed: compare it with its source, then set the date and the digest in this file", file)
	}
	readme, err := os.ReadFile("data/README.md")
	require.NoError(t, err)
	for name := range pinned {
		line := lineWith(string(readme), "`"+name+"`")
		require.Contains(t, line, asOf, "data/README.md must date %s", name)
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestTablesParse(t *testing.T) {
	rows, err := readTables()
	require.NoError(t, err)
	require.Len(t, rows, 66)
	seen := map[netip.Prefix]bool{}
	for i, r := range rows {
		require.False(t, seen[r.block], "%s stands in two rows", r.block)
		seen[r.block] = true
		require.NotEqual(t, Public, r.class, "%s: a table holds only what is not public", r.block)
		if i > 0 {
			require.LessOrEqual(t, r.block.Bits(), rows[i-1].block.Bits(), "the most specific block comes first")
		}
	}
}

func TestBrokenTablesAreErrors(t *testing.T) {
	const head = "block,name,source,reachable,class\n"
	for name, file := range map[string]string{
		"no rows":         head,
		"empty":           "",
		"too few columns": head + "10.0.0.0/8,private\n",
		"no prefix":       head + "10.0.0.0,x,y,,private\n",
		"host bits":       head + "10.0.0.1/8,x,y,,private\n",
		"unknown class":   head + "10.0.0.0/8,x,y,,secret\n",
		"empty class":     head + "10.0.0.0/8,x,y,,\n",
	} {
		_, err := appendRows(nil, []byte(file))
		require.Error(t, err, name)
	}
}
