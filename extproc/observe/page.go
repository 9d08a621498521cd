package observe

import (
	_ "embed" // the page and its style
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"
)

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
)

// StatusPage answers with the status for people: one page without a script, a
// form or anything from elsewhere.
func (o *Observer) StatusPage() (http.Handler, error) {
	page, err := template.New("status").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(pageStyle) }, //nolint:gosec // our own file, in the program
		"time":  shortTime,
		"since": func(t, now time.Time) string { return now.Sub(t).Round(time.Second).String() },
		"when":  when,
		"some":  some,
		"join":  func(s []string) string { return strings.Join(s, ", ") },
	}).Parse(pageText)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := o.status(true)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", o.policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		_ = page.Execute(w, &s) // the reader went away, or a value did not fit: the page ends there
	}), nil
}

// StatusJSON answers with the same for machines.
func (o *Observer) StatusJSON() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := o.status(true)
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(&s)
	})
}

func shortTime(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// when says how far t is from now, before it or after it, to the second.
func when(t, now time.Time) string {
	ago := now.Sub(t).Round(time.Second)
	if ago < 0 {
		return "in " + (-ago).String()
	}
	return ago.String() + " ago"
}

// some are the rows that count anything.
func some(all []ReasonCount) []ReasonCount {
	var out []ReasonCount
	for _, r := range all {
		if r.Count > 0 {
			out = append(out, r)
		}
	}
	return out
}
