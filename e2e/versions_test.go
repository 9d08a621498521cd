package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// difference is a scenario that an older Envoy legitimately answers in another
// way than the newest. It runs there all the same, with what that one has to do.
type difference struct {
	before   string // versions below this one; they compare as text
	scenario string // of testdata/wire
	want     string // instead of its want section
	why      string
}

func differences() []difference {
	return []difference{
		{
			"1.37", "http2_pseudo_late", "status 200\nid 7\nuser alice\nupstream 1\ncalls 1\nthen open\n",
			"its HTTP/2 codec does not mind in which order the fields come; it reads :path as the path and takes it from there to " +
				"guard and backend in the right place, so nobody sees anything else than Envoy does",
		},
	}
}

// onThisEnvoy puts the differences of the Envoy that runs into the cases.
func onThisEnvoy(cases []wireCase) error {
	for _, d := range differences() {
		if shared.Stack.EnvoyVersion >= d.before {
			continue
		}
		want, err := readWireWant(d.want)
		if err != nil {
			return err
		}
		for _, c := range cases {
			if c.name == d.scenario {
				c.steps[len(c.steps)-1].wants[""] = want
			}
		}
	}
	return nil
}

// TestDifferencesAreOfScenarios: each row is about a case that exists, changes
// what is wanted, and says why.
func TestDifferencesAreOfScenarios(t *testing.T) {
	cases, err := readWireCases("testdata/wire")
	require.NoError(t, err)
	for _, d := range differences() {
		require.NotEmpty(t, d.why)
		want, err := readWireWant(d.want)
		require.NoError(t, err)
		found := 0
		for _, c := range cases {
			if c.name != d.scenario {
				continue
			}
			found++
			require.Equal(t, []string{""}, c.runs, "a row is for a case that runs once")
			require.NotEqual(t, want, c.steps[len(c.steps)-1].wants[""])
		}
		require.Equal(t, 1, found, d.scenario)
	}
}
