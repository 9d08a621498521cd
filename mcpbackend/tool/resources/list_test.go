package resources

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

// printedTable is a table of n rows with these columns, as "name:type", and one
// cell for each.
func printedTable(n int, next string, columns []string, cell func(row, column int) string) string {
	heads, lines := make([]string, 0, len(columns)), make([]string, 0, n)
	for _, c := range columns {
		name, kind, _ := strings.Cut(c, ":")
		heads = append(heads, fmt.Sprintf(`{"name":%q,"type":%q}`, name, kind))
	}
	for row := range n {
		cells := make([]string, 0, len(columns))
		for column := range columns {
			cells = append(cells, cell(row, column))
		}
		lines = append(lines, fmt.Sprintf(`{"cells":[%s],"object":{"metadata":{"name":"web-%d","namespace":"team-a"}}}`, strings.Join(cells, ","), row))
	}
	return fmt.Sprintf(`{"kind":"Table","metadata":{"continue":%q},"columnDefinitions":[%s],"rows":[%s]}`, next, strings.Join(heads, ","), strings.Join(lines, ","))
}

// TestLeftOutRows: the line says how to reach them, and no token skips them.
func TestLeftOutRows(t *testing.T) {
	wide := func(int, int) string { return `"` + strings.Repeat("w", answer.MaxCell) + `"` }
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": printedTable(100, "next", []string{"A:string", "B:string", "C:string"}, wide)})
	text, out, err := listPods(t, c, 0)
	require.NoError(t, err)
	require.Less(t, len(text), answer.ListBudget+1024)
	require.True(t, out.Truncated)
	require.Empty(t, out.Continue)
	require.Greater(t, out.Count, 40)
	require.Len(t, out.Names, out.Count)
	require.True(t, strings.HasSuffix(text, fmt.Sprintf("\n-- %d more rows were left out to keep the answer short. To go on after the last row, "+
		"call again with the same arguments but limit %d: that answer ends here too, and with a continue token. "+
		"Or narrow the list with a namespace or a selector. --\n", 100-out.Count, out.Count)), text)
}

// TestGoingOnAfterLeftOutRows does what the line says.
func TestGoingOnAfterLeftOutRows(t *testing.T) {
	wide := func(int, int) string { return `"` + strings.Repeat("w", answer.MaxCell) + `"` }
	columns := []string{"A:string", "B:string", "C:string"}
	h, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": printedTable(100, "next", columns, wide)})
	_, first, err := listPods(t, c, 0)
	require.NoError(t, err)
	h.Answer("/api/v1/pods", printedTable(first.Count, "next", columns, wide))
	_, second, err := listPods(t, c, first.Count)
	require.NoError(t, err)
	require.Equal(t, first.Names, second.Names)
	require.Equal(t, "next", second.Continue)
	require.False(t, second.Truncated)
}

// TestServerThatDoesNotPage is cut at the limit, and the token of such an
// answer would skip rows.
func TestServerThatDoesNotPage(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": printedTable(30, "next", []string{"A:string"}, func(int, int) string { return `"a"` })})
	text, out, err := listPods(t, c, 20)
	require.NoError(t, err)
	require.Equal(t, 20, out.Count)
	require.True(t, out.Truncated)
	require.Empty(t, out.Continue)
	require.Contains(t, text, "-- 10 more rows were left out: the server sent more than the limit of 20, so it does not page. Call again with a namespace, a selector or a limit up to 500. --\n")
}

// TestMoreColumns than a table has are counted.
func TestMoreColumns(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": wideTable(70, 1, `"a"`)})
	text, _, err := listPods(t, c, 0)
	require.NoError(t, err)
	require.Contains(t, text, "-- 6 more columns were left out. --\n")
}

const widgets = `{"resources":[{"name":"widgets","kind":"Widget","namespaced":true,"verbs":["get","list"]}]}`

// TestCustomColumns: the columns of a custom kind may be any of its fields, a
// password among them. Those that cannot be are shown, the others are named.
func TestCustomColumns(t *testing.T) {
	cells := map[string]string{
		"Name:string": `"web-0"`, "Password:string": `"CANARY"`, "Pin:string": `"1234"`, "Map:string": `{"p":"CANARY"}`,
		"Typed:integer": `"CANARY"`, "Replicas:integer": "3", "Ratio:number": "0.5", "Paused:boolean": "false", "Ready:string": `"True"`,
		"Phase:string": `"OutOfSync"`, "Empty:string": `""`, "None:string": `null`, "Age:date": `"3d4h"`, "When:date": `"2026-01-01T00:00:00Z"`, "Never:date": `"<invalid>"`,
	}
	for _, shown := range []bool{true, false} {
		for column, cell := range cells {
			name, _, _ := strings.Cut(column, ":")
			hidden := strings.Contains(cell, "CANARY") || name == "Pin"
			if hidden == shown {
				continue
			}
			_, c := brokenapi.Visit(t, map[string]string{
				"/apis/example.com/v1":         widgets,
				"/apis/example.com/v1/widgets": printedTable(2, "", []string{column}, func(row, _ int) string { return strings.ReplaceAll(cell, "-0", fmt.Sprint("-", row)) }),
			})
			text, _, err := list(brokenapi.Soon(t), c, resourcesListIn{APIVersion: "example.com/v1", Kind: "Widget"})
			require.NoError(t, err)
			require.NotContains(t, text, "CANARY")
			require.Equal(t, shown, strings.Contains(text, strings.ToUpper(name)), text)
			require.Equal(t, hidden, strings.Contains(text, "-- Columns not shown, because custom columns may print secrets: "+name+". Use resources_get for one object. --\n"), text)
		}
	}
}

// TestColumnsOfKubernetes are all shown.
func TestColumnsOfKubernetes(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{"/api/v1/pods": printedTable(1, "", []string{"Name:string", "Status:string"}, func(int, int) string { return `"Init:0/1"` })})
	text, _, err := listPods(t, c, 0)
	require.NoError(t, err)
	require.Contains(t, text, "Init:0/1")
	require.NotContains(t, text, "not shown")
}
