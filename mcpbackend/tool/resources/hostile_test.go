package resources

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

func listPods(t *testing.T, c *kube.Client, limit int) (text string, out answer.Listed, err error) {
	t.Helper()
	return list(brokenapi.Soon(t), c, resourcesListIn{APIVersion: "v1", Kind: "Pod", Selection: Selection{Limit: limit}})
}

func getPod(t *testing.T, c *kube.Client) (text string, out Got, err error) {
	t.Helper()
	return get(brokenapi.Soon(t), c, resourcesGetIn{APIVersion: "v1", Kind: "Pod", Name: "a", Namespace: "team-a"})
}

// nested is a value n maps deep.
func nested(n int, value string) string {
	return strings.Repeat(`{"a":`, n) + value + strings.Repeat("}", n)
}

func repeated(element string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

// tokens is a map of n texts that are redacted.
func tokens(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(`"%d":"abcdef.0123456789abcdef"`, i)
	}
	return "{" + strings.Join(texts, ",") + "}"
}

func wideTable(columns, rows int, cell string) string {
	return `{"kind":"Table","columnDefinitions":` + repeated(`{}`, columns) + `,"rows":` + repeated(`{"cells":`+repeated(cell, columns)+`}`, rows) + `}`
}

// TestHostileAnswersStaySmall: what a server sends is shortened before it is
// rendered. 99 KB were gigabytes once.
func TestHostileAnswersStaySmall(t *testing.T) {
	const megabyte = 1 << 20
	wide := `"` + strings.Repeat("w", answer.MaxCell) + `"`
	for name, test := range map[string]struct {
		list, get string
		fails     bool
	}{
		"300 columns and 100 000 rows":        {list: `{"kind":"Table","columnDefinitions":` + repeated(`{}`, 300) + `,"rows":` + repeated(`{}`, 100_000) + `}`},
		"2.7 million rows":                    {list: `{"kind":"Table","columnDefinitions":[{}],"rows":` + repeated(`{}`, 2_700_000) + `}`},
		"wide cells":                          {list: wideTable(64, 500, wide)},
		"one wide row among narrow ones":      {list: strings.Replace(wideTable(64, 500, `""`), repeated(`""`, 64), repeated(wide, 64), 1)},
		"a cell of megabytes":                 {list: wideTable(1, 1, `"`+strings.Repeat("c ", 3*megabyte)+`"`)},
		"cells of what cannot be seen":        {list: wideTable(16, 2, `"`+strings.Repeat("\u200b", 80<<10)+`"`)},
		"9900 levels around 20 000 numbers":   {get: nested(9900, repeated("1", 20_000)), fails: true},
		"2.7 million maps":                    {get: `{"a":` + repeated(`{}`, 2_700_000) + `}`, fails: true},
		"64 levels around 90 000 numbers":     {get: nested(63, repeated("1", 90_000))},
		"64 levels around a million of lines": {get: nested(64, `"`+strings.Repeat(`a\n`, megabyte)+`"`)},
		"a key of megabytes, all the way":     {get: strings.Repeat(`{"`+strings.Repeat("k", 40<<10)+`":`, 60) + tokens(1000) + strings.Repeat("}", 60)},
		"a path of kilobytes":                 {get: strings.Repeat(`{"`+strings.Repeat("k", 900)+`":`, 60) + tokens(1000) + strings.Repeat("}", 60)},
		"keys that JSON spells out":           {get: `{"` + strings.Repeat("<", 990) + `":1}`},
		"a number of megabytes":               {get: `{"a":` + strings.Repeat("9", 6*megabyte) + `}`},
		"text that cannot be seen":            {get: `{"a":` + repeated(`"`+strings.Repeat("\u200b", 40<<10)+`"`, 20) + `}`},
		"half a million of small texts":       {get: `{"kind":"Secret","data":{` + strings.TrimSuffix(strings.Repeat(`"k":"v",`, 90_000), ",") + `}}`},
	} {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{"/api/v1/pods": test.list, "/api/v1/namespaces/team-a/pods/a": test.get}
			_, c := brokenapi.Visit(t, answers)
			call := func() (string, any, error) { return anyOf(getPod(t, c)) }
			if test.list != "" {
				call = func() (string, any, error) { return anyOf(listPods(t, c, answer.MaxLimit)) }
			}
			text, out, grown, took, err := measured(call)
			require.Less(t, grown, uint64(64<<20))
			require.Less(t, took, 15*time.Second)
			if test.fails {
				require.Equal(t, "too-large", answer.Word(err))
				return
			}
			require.NoError(t, err)
			require.Less(t, len(text), 80<<10)
			structured, err := json.Marshal(out)
			require.NoError(t, err)
			require.Less(t, len(structured), 128<<10)
		})
	}
}

func anyOf[T any](text string, out T, err error) (string, any, error) { return text, out, err }

// measured is what a call answers, and how many bytes it allocated in all, the
// server's side included.
func measured(call func() (string, any, error)) (text string, out any, grown uint64, took time.Duration, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	text, out, err = call()
	took = time.Since(begin)
	runtime.ReadMemStats(&after)
	return text, out, after.TotalAlloc - before.TotalAlloc, took, err
}

// TestHalvedCredentials: where a text is cut, no half of a token comes through.
func TestHalvedCredentials(t *testing.T) {
	hidden := func(limit int) string { return strings.Repeat("\u200b", (limit-6)/3) }
	_, c := brokenapi.Visit(t, map[string]string{
		"/api/v1/namespaces/team-a/pods/a": `{"kind":"Pod","a":"` + hidden(answer.MaxRaw) + brokenapi.Token + `","` + hidden(answer.MaxRawName) + brokenapi.Token + `":1}`,
		"/api/v1/pods":                     wideTable(1, 1, `"`+hidden(answer.MaxRawName)+brokenapi.Token+`"`),
	})
	text, _, err := getPod(t, c)
	require.NoError(t, err)
	require.NotContains(t, text, "CANA")
	text, _, err = listPods(t, c, 0)
	require.NoError(t, err)
	require.NotContains(t, text, "CANA")
}

// TestObjectsAreCutInOrder: what is shown of a large object is its beginning,
// and its identity is complete.
func TestObjectsAreCutInOrder(t *testing.T) {
	data := make([]string, 0, 5000)
	for i := range cap(data) {
		data = append(data, fmt.Sprintf(`"key-%04d":"%s"`, i, strings.Repeat("v", 20)))
	}
	_, c := brokenapi.Visit(t, map[string]string{
		"/api/v1/namespaces/team-a/pods/a": `{"kind":"Pod","data":{` + strings.Join(data, ",") + `},"metadata":{"uid":"u-1","resourceVersion":"` + brokenapi.Token + `"}}`,
	})
	text, out, err := getPod(t, c)
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Equal(t, "u-1", out.UID)
	require.Equal(t, answer.Redacted, out.ResourceVersion)
	require.Greater(t, len(text), answer.ObjectBudget*9/10)
	require.Regexp(t, `^# Pod a \(v1\) in namespace team-a\ndata:\n  key-0000: v+\n  key-0001: `, text)
	require.Regexp(t, `\n# -- cut: the first \d+ bytes are shown, and there are more\. Ask for parts of it with fields\. --\n$`, text)
}

// TestOneByteUnderTheBudget is whole.
func TestOneByteUnderTheBudget(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/namespaces/team-a/pods/a": `{"a":"` + strings.Repeat("x", answer.ObjectBudget-4) + `"}`})
	text, out, err := getPod(t, c)
	require.NoError(t, err)
	require.False(t, out.Truncated)
	require.NotContains(t, text, "cut")
	require.Len(t, text, answer.ObjectBudget+len("# Pod a (v1) in namespace team-a\n"))
}
