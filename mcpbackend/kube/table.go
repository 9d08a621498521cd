package kube

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Table is a list as the server prints it, at most 64 columns wide and no longer
// than was asked for.
type Table struct {
	Columns   []Column
	Rows      []Row
	Continue  string // "" at the end
	Remaining *int64 // how many more, where the server knows

	MoreRows    int // rows that the server sent beyond the limit
	MoreColumns int // columns beyond the 64th
}

// Column is the head of a column. Its texts are the server's.
type Column struct {
	Name string
	Type string // OpenAPI's, such as string, integer or date; "" if the server printed no table
}

// Row is one object of a Table. Its texts are the server's.
type Row struct {
	Namespace, Name string
	Cells           []string // one per column
}

type listedMeta struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Created   string `json:"creationTimestamp"`
}

type sentColumn struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Format   string `json:"format"` // "name" for that of the object
	Priority int    `json:"priority"`
}

type sentRow struct {
	Cells  json.RawMessage `json:"cells"`
	Object struct {
		Metadata listedMeta `json:"metadata"`
	} `json:"object"`
}

type sentItem struct {
	Metadata listedMeta `json:"metadata"`
}

// readTable reads a Table, or any list as a table of names. It keeps at most
// limit rows: a server is free to send more than it was asked for. named is
// whether every row has a name, in its object or in a column.
func readTable(body []byte, limit int) (t Table, named bool, err error) {
	if limit <= 0 {
		limit = maxRows
	}
	var list struct {
		Kind     string             `json:"kind"`
		Metadata listMeta           `json:"metadata"`
		Columns  capped[sentColumn] `json:"columnDefinitions"`
		Rows     capped[sentRow]    `json:"rows"`
		Items    capped[sentItem]   `json:"items"`
	}
	list.Rows.limit, list.Items.limit = limit, limit
	if err := decodeList(body, &list); err != nil {
		return Table{}, false, err
	}
	t = Table{Continue: list.Metadata.Continue, Remaining: list.Metadata.Remaining}
	if list.Kind != "Table" {
		t.Columns, t.MoreRows = []Column{{Name: "Name"}, {Name: "Created"}}, list.Items.more
		for _, i := range list.Items.items {
			t.Rows = append(t.Rows, Row{i.Metadata.Namespace, i.Metadata.Name, []string{i.Metadata.Name, i.Metadata.Created}})
		}
		return t, true, nil
	}
	t.MoreRows, t.MoreColumns = list.Rows.more, list.Columns.more
	var shown [maxColumns]bool // columns of priority 0; the others are for wide output
	nameAt := -1
	for i, column := range list.Columns.items {
		if column.Format == "name" && nameAt < 0 {
			nameAt = i
		}
		if column.Priority == 0 {
			shown[i] = true
			t.Columns = append(t.Columns, Column{column.Name, column.Type})
		}
	}
	named = true
	for _, r := range list.Rows.items {
		name := r.Object.Metadata.Name
		if name == "" {
			name = cellAt(r.Cells, nameAt)
		}
		named = named && name != ""
		t.Rows = append(t.Rows, Row{Namespace: r.Object.Metadata.Namespace, Name: name, Cells: cells(r.Cells, shown, len(t.Columns))})
	}
	return t, named, nil
}

// cells are the texts of the columns that are shown, n of them.
func cells(array []byte, shown [maxColumns]bool, n int) []string {
	out := make([]string, 0, n)
	i := 0
	for cell := range elements(array) {
		if i >= maxColumns || len(out) == n {
			break
		}
		if shown[i] {
			out = append(out, cellText(cell))
		}
		i++
	}
	return append(out, make([]string, n-len(out))...)
}

// cellAt is the text of one cell; "" if there is none.
func cellAt(array []byte, n int) string {
	i := 0
	for cell := range elements(array) {
		if i == n {
			return cellText(cell)
		}
		i++
	}
	return ""
}

func cellText(cell []byte) string {
	var text string
	switch {
	case bytes.Equal(cell, []byte("null")):
		return "<none>"
	case cell[0] == '"' && !bytes.ContainsRune(cell, '\\') && utf8.Valid(cell): // most are, and Unmarshal costs more than they do
		return string(cell[1 : len(cell)-1])
	case cell[0] == '"' && json.Unmarshal(cell, &text) == nil:
		return text
	}
	return string(cell)
}
