package hostpolicy

import (
	"bytes"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"sync"
)

//go:embed data/*.csv
var data embed.FS

// row is one block of data/*.csv.
type row struct {
	block netip.Prefix
	class Class
}

// The columns of data/*.csv, see data/README.md.
const (
	columnBlock = 0
	columnClass = 4
	columns     = 5
)

// tables returns the rows of all files, the most specific block first. It is
// read once. An error can only come from a broken build: New returns it, and
// Classify then calls every address Reserved.
var tables = sync.OnceValues(readTables)

func readTables() ([]row, error) {
	names, err := data.ReadDir("data")
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, name := range names {
		file, err := data.ReadFile(path.Join("data", name.Name()))
		if err != nil {
			return nil, err
		}
		if rows, err = appendRows(rows, file); err != nil {
			return nil, fmt.Errorf("%s: %w", name.Name(), err)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return b.block.Bits() - a.block.Bits() })
	return rows, nil
}

func appendRows(rows []row, file []byte) ([]row, error) {
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = columns
	records, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) < 2 {
		return nil, errors.New("no rows below the header")
	}
	for _, record := range records[1:] {
		block, err := netip.ParsePrefix(record[columnBlock])
		if err != nil {
			return nil, err
		}
		if block != block.Masked() {
			return nil, fmt.Errorf("block %s has bits set beyond its length", block)
		}
		class, known := classOf(record[columnClass])
		if !known {
			return nil, fmt.Errorf("block %s has the unknown class %q", block, record[columnClass])
		}
		rows = append(rows, row{block, class})
	}
	return rows, nil
}

// classOf reads a class as String spells it.
func classOf(name string) (Class, bool) {
	for c := Public; c <= Reserved; c++ {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}
