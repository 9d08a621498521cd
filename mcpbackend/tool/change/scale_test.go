package change

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/brokenapi"
)

func contains(err error, text string) bool { return strings.Contains(answer.Advise(err).Error(), text) }

const scaleA = "/apis/apps/v1/namespaces/team-a/deployments/a/scale"

// TestScale shows, sets and tries.
func TestScale(t *testing.T) {
	five, before := int64(5), int64(2)
	two := `{"spec":{"replicas":2},"status":{"replicas":2}}`
	for name, test := range map[string]struct {
		get, patch string
		in         scaleIn
		text       string
		before     *int64
		writes     []string
	}{
		"shows":      {two, "", scaleIn{}, "Deployment a (apps/v1) in namespace team-a wants 2 replicas; there are 2.\n", nil, nil},
		"shows, dry": {two, "", scaleIn{DryRun: true}, "Deployment a (apps/v1) in namespace team-a wants 2 replicas; there are 2.\n", nil, nil},
		"sets": {two, `{"spec":{"replicas":5},"status":{"replicas":2}}`, scaleIn{Scale: &five},
			"Deployment a (apps/v1) in namespace team-a is scaled from 2 to 5 replicas; there are 2 now.\n", &before, []string{"PATCH " + scaleA + "?fieldManager=kubernetes-mcp-edge"}},
		"tries": {two, `{"spec":{"replicas":5},"status":{"replicas":2}}`, scaleIn{Scale: &five, DryRun: true},
			"Deployment a (apps/v1) in namespace team-a would be scaled from 2 to 5 replicas (dry run: nothing was set); there are 2.\n", &before, []string{"PATCH " + scaleA + "?dryRun=All&fieldManager=kubernetes-mcp-edge"}},
		"sets what it may not see": {`403 {"kind":"Status"}`, `{"spec":{"replicas":5},"status":{"replicas":2}}`, scaleIn{Scale: &five},
			"Deployment a (apps/v1) in namespace team-a is scaled to 5 replicas; there are 2 now.\n", nil, []string{"PATCH " + scaleA + "?fieldManager=kubernetes-mcp-edge"}},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := visit(t, map[string]string{"GET " + scaleA: test.get, "PATCH " + scaleA: test.patch})
			test.in.Kind, test.in.Name, test.in.Namespace = "deployment", "a", "team-a"
			text, out, err := scale(brokenapi.Soon(t), c, test.in)
			require.NoError(t, err)
			require.Equal(t, test.text, text)
			require.Equal(t, test.before, out.Before)
			require.Equal(t, test.in.DryRun && test.in.Scale != nil, out.DryRun)
			require.Equal(t, test.writes, writes(h))
			if test.in.Scale != nil {
				require.Equal(t, map[string]any{"spec": map[string]any{"replicas": 5.0}}, sent(t, h))
				require.EqualValues(t, 5, out.Replicas)
			}
		})
	}
}

// TestScaleOnlyReads where it only shows: a client that may not write is enough.
func TestScaleOnlyReads(t *testing.T) {
	h, _ := visit(t, nil)
	h.Close()
	answers := map[string]string{"/apis/apps/v1": offered["/apis/apps/v1"], "GET " + scaleA: `{"spec":{"replicas":2}}`}
	h, c := brokenapi.Visit(t, answers)
	_, _, err := scale(brokenapi.Soon(t), c, scaleIn{Kind: "Deployment", Name: "a", Namespace: "team-a"})
	require.NoError(t, err)
	five := int64(5)
	_, _, err = scale(brokenapi.Soon(t), c, scaleIn{Kind: "Deployment", Name: "a", Namespace: "team-a", Scale: &five})
	require.Equal(t, "read-only", answer.Word(err))
	require.Empty(t, writes(h))
}

// TestScaleMistakes.
func TestScaleMistakes(t *testing.T) {
	five := int64(5)
	in := scaleIn{Kind: "Deployment", Name: "a", Namespace: "team-a", Scale: &five}
	h, c := visit(t, nil)
	_, _, err := scale(brokenapi.Soon(t), c, scaleIn{Kind: "ConfigMap", Name: "a", Namespace: "team-a", Scale: &five})
	require.Equal(t, "unsupported", answer.Word(err))
	require.True(t, contains(err, "this kind has no scale"))
	h.Answer("GET "+scaleA, missing)
	_, _, err = scale(brokenapi.Soon(t), c, in)
	require.Equal(t, "not-found", answer.Word(err))
	require.Empty(t, writes(h))
	_, _, err = scale(brokenapi.Soon(t), c, scaleIn{Kind: "Deployment", Name: "a", Namespace: "team-a"})
	require.Equal(t, "not-found", answer.Word(err))
	_, _, err = scale(brokenapi.Soon(t), c, scaleIn{Kind: "Deployment", Name: "a b", Namespace: "team-a"})
	require.Equal(t, "arguments", answer.Word(err))
	h.Answer("GET "+scaleA, `{"spec":{"replicas":2}}`)
	h.Answer("PATCH "+scaleA, `500 {"kind":"Status","message":"x"}`)
	_, _, err = scale(brokenapi.Soon(t), c, in)
	require.ErrorContains(t, err, "Deployment a (apps/v1) in namespace team-a was not scaled: ")
	require.ErrorContains(t, err, doubt)
}
