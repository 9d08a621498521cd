package pods

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

const eventsPath = "/api/v1/namespaces/team-a/events"

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// happened is an event of so many minutes before noon.
func happened(minutes int, more string) string {
	at := noon.Add(-time.Duration(minutes) * time.Minute).Format(time.RFC3339)
	return fmt.Sprintf(`{"type":"Normal","reason":"R%d","message":"m","lastTimestamp":%q,"involvedObject":{"kind":"Pod","name":"web","namespace":"team-a"}%s}`, minutes, at, more)
}

// TestEvents: a line per event, the newest last, however the server sorts them
// and wherever it puts the time.
func TestEvents(t *testing.T) {
	_, c := brokenapi.Visit(t, map[string]string{eventsPath: podList("",
		happened(5, `,"count":12`), happened(50, ""), happened(1, `,"type":"Warning","message":"line one\nline two"`),
		`{"reason":"New","eventTime":"2026-01-02T11:58:00.000000Z","series":{"count":3,"lastObservedTime":"2026-01-02T11:59:30.000000Z"},"involvedObject":{"kind":"Node","name":"node-1"}}`,
		`{"reason":"Old","metadata":{"creationTimestamp":"2026-01-02T10:00:00Z"}}`,
	)})
	text, out, err := events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a"}, noon)
	require.NoError(t, err)
	require.Equal(t, `5 events in namespace team-a, the newest last
2026-01-02T10:00:00Z  Old /: 
2026-01-02T11:10:00Z Normal R50 pod/web: m
2026-01-02T11:55:00Z Normal R5 pod/web x12: m
2026-01-02T11:59:00Z Warning R1 pod/web: line one line two
2026-01-02T11:59:30Z  New node/node-1 x3: 
`, text)
	require.Equal(t, Happened{Namespace: "team-a", Count: 5, Warnings: 1}, out)
	text, _, err = events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a", Since: "5m"}, noon)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "3 events in namespace team-a, since 5m, the newest last\n"), text)
	text, out, err = events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a", Limit: 2}, noon)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text, "2 events in namespace team-a, the newest last\n-- 3 older events were left out: pass since, type, kind and name, or a greater limit. --\n2026-01-02T11:59:00Z"), text)
	require.True(t, out.Truncated)
}

// TestEventsOfOneObject: the server does the looking, and gets the kind as it
// is written.
func TestEventsOfOneObject(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{eventsPath: podList(""), "/api/v1/events": podList("", happened(1, "")), "/api": `{"items":[]}`, "/apis": `{"items":[]}`})
	_, _, err := events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a", Kind: "po", Name: "web", Type: "Warning", FieldSelector: "reason=BackOff"}, noon)
	require.NoError(t, err)
	asked := h.Asked()
	require.Equal(t, eventsPath+"?fieldSelector=reason%3DBackOff%2Ctype%3DWarning%2CinvolvedObject.kind%3DPod%2CinvolvedObject.name%3Dweb&limit=500", asked[len(asked)-1])
	text, out, err := events(brokenapi.Soon(t), c, eventsListIn{}, noon)
	require.NoError(t, err)
	require.Contains(t, text, "1 events in all namespaces, the newest last\n2026-01-02T11:59:00Z Normal R1 team-a/pod/web: m\n")
	require.True(t, out.AllNamespaces)
	before := len(h.Asked())
	for want, in := range map[string]eventsListIn{
		"since is how": {Since: "x"}, "kind must be": {Kind: "a b"}, "name is not": {Name: "a b"}, "not the name of a namespace": {Namespace: "A"},
		"longer than 4096": {FieldSelector: strings.Repeat("a", 5000)},
	} {
		_, _, err := events(brokenapi.Soon(t), c, in, noon)
		require.ErrorContains(t, err, want)
		require.Equal(t, "arguments", answer.Word(err))
	}
	require.Len(t, h.Asked(), before)
	_, _, err = events(brokenapi.Soon(t), c, eventsListIn{Kind: "Zebra"}, noon)
	require.Equal(t, "unknown-kind", answer.Word(err))
}

// TestEventsBeyondTheBound: the newest may be among those that were not looked
// at, and the answer says so.
func TestEventsBeyondTheBound(t *testing.T) {
	h, c := brokenapi.Visit(t, map[string]string{eventsPath: podList(`"continue":"on"`, happened(1, ""))})
	text, out, err := events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a"}, noon)
	require.NoError(t, err)
	require.True(t, out.Truncated)
	require.Contains(t, text, "-- There are more than the 2000 events that were looked at, perhaps newer ones: narrow it with a namespace, type=Warning, or kind and name. --\n")
	require.Len(t, h.Asked(), eventsPages)
	require.Contains(t, h.Asked()[1], "continue=on")
	long := make([]string, 0, 400)
	for i := range cap(long) {
		long = append(long, happened(i, `,"message":"`+strings.Repeat("x", 1000)+`"`))
	}
	_, c = brokenapi.Visit(t, map[string]string{eventsPath: podList("", long...)})
	text, out, err = events(brokenapi.Soon(t), c, eventsListIn{Namespace: "team-a", Limit: 500}, noon)
	require.NoError(t, err)
	require.Less(t, len(text), answer.ListBudget+500)
	require.Less(t, out.Count, 80)
	require.Contains(t, text, fmt.Sprintf("-- %d older events were left out", 400-out.Count))
	require.Contains(t, text, "T12:00:00Z Normal R0 pod/web: "+strings.Repeat("x", maxMessage)+"…\n")
}
