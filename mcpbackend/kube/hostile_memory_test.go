package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// repeated is an array of n times the same element.
func repeated(element string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

// TestSmallAnswersStaySmall: no answer within the limit of 8 MiB becomes much
// more in memory, however its braces multiply.
func TestSmallAnswersStaySmall(t *testing.T) {
	pods := Kind{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	list := func(ctx context.Context, c *Client) error {
		table, err := c.List(ctx, pods, ListOptions{Limit: 100})
		if len(table.Rows) > 100 || len(table.Columns) > maxColumns {
			return fmt.Errorf("%d rows of %d columns", len(table.Rows), len(table.Columns))
		}
		return err
	}
	get := func(ctx context.Context, c *Client) error {
		_, err := c.Get(ctx, pods, "team-a", "a")
		return err
	}
	resolve := func(ctx context.Context, c *Client) error {
		_, err := c.Resolve(ctx, "v1", "Pod")
		return err
	}
	whoAmI := func(ctx context.Context, c *Client) error {
		_, err := c.WhoAmI(ctx)
		return err
	}
	for name, test := range map[string]struct {
		many int
		body func(n int) string
		call func(context.Context, *Client) error
		want Trouble
	}{
		"a table of 300 columns and 100 000 rows": {100_000, func(n int) string {
			return `{"kind":"Table","columnDefinitions":` + repeated(`{}`, 300) + `,"rows":` + repeated(`{}`, n) + `}`
		}, list, 0},
		"a table of 2.7 million rows": {2_700_000, func(n int) string {
			return `{"kind":"Table","columnDefinitions":[{}],"rows":` + repeated(`{}`, n) + `}`
		}, list, 0},
		"a row of 2.7 million cells": {2_700_000, func(n int) string {
			return `{"kind":"Table","columnDefinitions":` + repeated(`{}`, 64) + `,"rows":[{"cells":` + repeated(`{}`, n) + `}]}`
		}, list, 0},
		"2.7 million columns": {2_700_000, func(n int) string {
			return `{"kind":"Table","columnDefinitions":` + repeated(`{}`, n) + `,"rows":[{}]}`
		}, list, 0},
		"a list of 2.7 million objects": {2_700_000, func(n int) string { return `{"kind":"PodList","items":` + repeated(`{}`, n) + `}` }, list, 0},
		"9900 nested maps around 20 000 numbers": {20_000, func(n int) string {
			return strings.Repeat(`{"a":`, 9900) + repeated("1", n) + strings.Repeat("}", 9900)
		}, get, TooLarge},
		"an object of 2.7 million maps": {2_700_000, func(n int) string { return `{"a":` + repeated(`{}`, n) + `}` }, get, TooLarge},
		"an object with 800 000 keys":   {800_000, func(n int) string { return `{"a":{` + strings.TrimSuffix(strings.Repeat(`"b":[1],`, n), ",") + `}}` }, get, TooLarge},
		"2.7 million groups of a user":  {2_700_000, func(n int) string { return `{"status":{"userInfo":{"groups":` + repeated(`""`, n) + `}}}` }, whoAmI, TooLarge},
		"2.7 million kinds":             {2_700_000, func(n int) string { return `{"resources":` + repeated(`{}`, n) + `}` }, resolve, TooLarge},
		"a kind with 2.7 million verbs": {2_700_000, func(n int) string {
			return `{"resources":[{"name":"pods","kind":"Pod","shortNames":[],"verbs":` + repeated(`""`, n) + `}]}`
		}, resolve, 0},
	} {
		t.Run(name, func(t *testing.T) {
			require.True(t, json.Valid([]byte(test.body(2))), "few say the same of the form, sooner")
			body := test.body(test.many)
			require.Less(t, len(body), maxBody)
			h := newHostile(t, answer([]byte(body)))
			client := clientOf(t, h)
			grown, took, err := growth(func() error { return test.call(within(t, 30*time.Second), client) })
			require.Equal(t, test.want, trouble(t, err))
			require.Less(t, grown, uint64(64<<20))
			require.Less(t, took, 15*time.Second)
		})
	}
}

func answer(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}
}

// growth is how many bytes f allocated in all, the server's side included, and
// how long it took.
func growth(f func() error) (grown uint64, took time.Duration, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	err = f()
	took = time.Since(begin)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, took, err
}

// TestAggregatedDiscoveryStaysSmall: what is only asked for to make a hint.
func TestAggregatedDiscoveryStaysSmall(t *testing.T) {
	for name, body := range map[string]string{
		"groups":    `{"items":` + repeated(`{}`, 2_700_000) + `}`,
		"versions":  `{"items":[{"versions":` + repeated(`{}`, 2_700_000) + `}]}`,
		"resources": `{"items":[{"versions":[{"version":"v1","resources":` + repeated(`{}`, 2_700_000) + `}]}]}`,
		"names":     `{"items":[{"versions":[{"version":"v1","resources":[{"shortNames":` + repeated(`""`, 2_500_000) + `}]}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var p *page
			grown, _, err := growth(func() (err error) {
				p, err = readAggregated([]byte(body))
				return err
			})
			require.NoError(t, err)
			require.Less(t, grown, uint64(64<<20))
			require.Empty(t, p.kinds)
		})
	}
}

// TestShapeOfHonestObjects: 64 levels and 100 000 values are legal, one more of
// either is not.
func TestShapeOfHonestObjects(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	require.NoError(t, shallow(nested(maxDepth), maxNodes))
	require.Equal(t, TooLarge, trouble(t, shallow(nested(maxDepth+1), maxNodes)))
	require.NoError(t, shallow([]byte(repeated("1", maxNodes)), maxNodes))
	require.Equal(t, TooLarge, trouble(t, shallow([]byte(repeated("1", maxNodes+1)), maxNodes)))
	quoted, err := json.Marshal(map[string]string{`"[{,\`: strings.Repeat(`\"[{,`, maxNodes)})
	require.NoError(t, err)
	require.NoError(t, shallow(quoted, maxNodes), "what stands in strings is text")
	for _, bad := range []string{`"`, `"\`, `{"`, ``, `]]]`, `,,,`} {
		require.NoError(t, shallow([]byte(bad), maxNodes), "the decoder's business")
	}
}

// TestElements agrees with encoding/json.
func TestElements(t *testing.T) {
	for _, array := range []string{
		`[]`, ` [ ] `, `[1]`, `[1, "a,b]\"" ,null,{"a":[1,{"b":"]"}]},[[],[2]] , true]`, `[[[]]]`, `["\\",","]`, "[\n\t1\n,\n2 ]",
	} {
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(array), &want))
		got := []json.RawMessage{}
		for element := range elements([]byte(array)) {
			got = append(got, bytes.Clone(element))
		}
		require.Equal(t, want, got, array)
	}
	for range elements([]byte(`[1,2]`)) {
		break
	}
}

// TestMoreRowsThanAskedFor are cut, and counted.
func TestMoreRowsThanAskedFor(t *testing.T) {
	row := `{"cells":["a",1,true,null,{"x": 1},"b"],"object":{"metadata":{"name":"a","namespace":"team-a"}}}`
	columns := repeated(`{"name":"C","type":"string"}`, 70)
	body := `{"kind":"Table","columnDefinitions":` + columns + `,"rows":` + repeated(row, 7) + `}`
	table, _, err := readTable([]byte(body), 5)
	require.NoError(t, err)
	require.Len(t, table.Rows, 5)
	require.Equal(t, 2, table.MoreRows)
	require.Len(t, table.Columns, maxColumns)
	require.Equal(t, 6, table.MoreColumns)
	require.Equal(t, Column{"C", "string"}, table.Columns[0])
	require.Len(t, table.Rows[0].Cells, maxColumns)
	require.Equal(t, []string{"a", "1", "true", "<none>", `{"x": 1}`, "b", ""}, table.Rows[0].Cells[:7])
	for cell, want := range map[string]string{`"a\nb"`: "a\nb", `"\u0041\""`: `A"`, "\"\xff\"": "\ufffd", `"ä"`: "ä", `""`: "", "-1.5e3": "-1.5e3"} {
		require.Equal(t, want, cellText([]byte(cell)))
	}
	table, _, err = readTable([]byte(`{"kind":"PodList","items":`+repeated(`{}`, 7)+`}`), 5)
	require.NoError(t, err)
	require.Len(t, table.Rows, 5)
	require.Equal(t, 2, table.MoreRows)
	for _, bad := range []string{`{"kind":"Table","rows":{}}`, `{"kind":"Table","rows":[1]}`, `{"kind":"Table","columnDefinitions":"x"}`, `[]`} {
		_, _, err = readTable([]byte(bad), 5)
		require.Equal(t, Garbled, trouble(t, err), bad)
	}
}
