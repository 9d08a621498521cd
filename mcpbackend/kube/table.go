package kube

import (
	"encoding/json"
	"fmt"
)

// Table is a list as the server prints it.
type Table struct {
	Columns   []string
	Rows      []Row
	Continue  string // "" at the end
	Remaining *int64 // how many more, where the server knows
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

// readTable reads a Table, or any list as a table of names.
func readTable(body []byte) (Table, error) {
	var list struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Continue  string `json:"continue"`
			Remaining *int64 `json:"remainingItemCount"`
		} `json:"metadata"`
		Columns []struct {
			Name     string `json:"name"`
			Priority int    `json:"priority"`
		} `json:"columnDefinitions"`
		Rows []struct {
			Cells  []any `json:"cells"`
			Object struct {
				Metadata listedMeta `json:"metadata"`
			} `json:"object"`
		} `json:"rows"`
		Items []struct {
			Metadata listedMeta `json:"metadata"`
		} `json:"items"`
	}
	if err := decode(body, &list); err != nil {
		return Table{}, err
	}
	t := Table{Continue: list.Metadata.Continue, Remaining: list.Metadata.Remaining}
	if list.Kind != "Table" {
		t.Columns = []string{"Name", "Created"}
		for _, i := range list.Items {
			t.Rows = append(t.Rows, Row{i.Metadata.Namespace, i.Metadata.Name, []string{i.Metadata.Name, i.Metadata.Created}})
		}
		return t, nil
	}
	var shown []int // columns of priority 0; the others are for wide output
	for i, column := range list.Columns {
		if column.Priority == 0 {
			shown = append(shown, i)
			t.Columns = append(t.Columns, column.Name)
		}
	}
	for _, r := range list.Rows {
		row := Row{Namespace: r.Object.Metadata.Namespace, Name: r.Object.Metadata.Name}
		for _, i := range shown {
			cell := ""
			if i < len(r.Cells) {
				cell = cellText(r.Cells[i])
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

func cellText(cell any) string {
	switch v := cell.(type) {
	case nil:
		return "<none>"
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	text, err := json.Marshal(cell)
	if err != nil {
		return ""
	}
	return string(text)
}
