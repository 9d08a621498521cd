package kube

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSchema(t *testing.T) {
	circle := `{"openapi":"3.0.0","components":{"schemas":{"a":{"$ref":"#/components/schemas/a"}}}}`
	h := newHostile(t, world{"GET /openapi/v3/api/v1": circle, "GET /openapi/v3/apis/apps/v1": `{}`}.ServeHTTP)
	client := clientOf(t, h)
	body, err := client.Schema(within(t, 5*time.Second), "v1")
	require.NoError(t, err)
	require.Equal(t, circle, string(body))
	body, err = client.Schema(within(t, 5*time.Second), "apps/v1")
	require.NoError(t, err)
	require.Equal(t, `{}`, string(body))
	require.Len(t, h.paths(), 2, "one request each")
	_, err = client.Schema(within(t, 5*time.Second), "example.com/v1")
	require.Equal(t, NoSuchAPI, trouble(t, err))
	for _, bad := range []string{"", "../v1", "a/b/c", "v1/..", "apps/v1?hash=x"} {
		_, err = client.Schema(within(t, 5*time.Second), bad)
		require.Equal(t, Invalid, trouble(t, err), bad)
	}
	require.Len(t, h.paths(), 3)
}

// TestHostileSchemas are refused before anybody builds them.
func TestHostileSchemas(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want Trouble
	}{
		"10 MB":           {`{"a":"` + strings.Repeat("x", 10<<20) + `"}`, TooLarge},
		"too many values": {`{"a":` + repeated(`{}`, maxSchemaValues+1) + `}`, TooLarge},
		"too deep":        {strings.Repeat(`{"a":`, maxSchemaDepth+1) + `1` + strings.Repeat(`}`, maxSchemaDepth+1), TooLarge},
		"deep":            {strings.Repeat(`{"a":`, maxSchemaDepth) + `1` + strings.Repeat(`}`, maxSchemaDepth), 0},
		"no JSON":         {`{"a":`, Garbled},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t, answer([]byte(test.body)))
			client := clientOf(t, h)
			grown, _, err := growth(func() error {
				_, err := client.Schema(within(t, 10*time.Second), "v1")
				return err
			})
			require.Equal(t, test.want, trouble(t, err))
			require.Less(t, grown, uint64(64<<20))
			require.Len(t, h.paths(), 1)
		})
	}
	h := newHostile(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/openapi/v3/api/v1?hash=0123", http.StatusMovedPermanently)
	})
	_, err := clientOf(t, h).Schema(within(t, 5*time.Second), "v1")
	require.Equal(t, Redirected, trouble(t, err))
}
