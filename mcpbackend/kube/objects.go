package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Objects are objects as the server has them. Numbers are json.Number; each has
// an apiVersion and a kind, also where the server leaves them out of a list.
type Objects struct {
	Items     []map[string]any
	Continue  string // "" at the end
	Remaining *int64 // how many more, where the server knows
	More      int    // objects that the server sent beyond the limit
}

// maxListed bounds the values of a list, as maxNodes bounds those of an object.
// A list of 8 MiB with honest objects holds about 400 000: with managed fields
// and all, one value takes some 20 bytes.
const maxListed = 400_000

// Objects lists objects of a kind as they are: one request. Without a limit at
// most 1000 are returned.
func (c *Client) Objects(ctx context.Context, k Kind, o ListOptions) (Objects, error) {
	body, err := c.list(ctx, k, o, jsonType, false)
	if err != nil {
		return Objects{}, err
	}
	return readObjects(body, k, o.Limit, func(n int64) error { return c.hold.room(ctx, n) })
}

// list asks for a list in the form that accept names.
func (c *Client) list(ctx context.Context, k Kind, o ListOptions, accept string, cellsAlone bool) ([]byte, error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"labelSelector": o.LabelSelector, "fieldSelector": o.FieldSelector, "continue": o.Continue,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	if cellsAlone {
		query.Set("includeObject", "None") // meta.k8s.io/v1 TableOptions
	}
	body, err := c.do(ctx, call{method: http.MethodGet, segments: k.path(o.Namespace), query: query, accept: accept})
	return body, c.noted(k, err)
}

// listMeta is the part of metav1.ListMeta that matters here.
type listMeta struct {
	Continue  string `json:"continue"`
	Remaining *int64 `json:"remainingItemCount"`
}

// What every object says of itself.
const (
	fieldAPIVersion = "apiVersion"
	fieldKind       = "kind"
)

// object is one object; its numbers stay as they were written.
type object map[string]any

// UnmarshalJSON is encoding/json's hook.
func (o *object) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		return garbled()
	}
	*o = m
	return nil
}

func readObjects(body []byte, k Kind, limit int, room func(bytes int64) error) (Objects, error) {
	if limit <= 0 {
		limit = maxRows
	}
	if err := shallow(body, maxListed); err != nil {
		return Objects{}, err
	}
	var list struct {
		Metadata listMeta                `json:"metadata"`
		Items    capped[json.RawMessage] `json:"items"`
	}
	list.Items.limit = limit
	if err := json.Unmarshal(body, &list); err != nil {
		return Objects{}, garbled()
	}
	out := Objects{Continue: list.Metadata.Continue, Remaining: list.Metadata.Remaining, More: list.Items.more}
	taken := int64(0)
	for _, text := range list.Items.items {
		taken += size(text)
	}
	if err := room(taken); err != nil {
		return Objects{}, err
	}
	for _, text := range list.Items.items {
		var o object
		if json.Unmarshal(text, &o) != nil || o == nil {
			return Objects{}, garbled()
		}
		// The items of a list of a built-in kind do not say what they are, and
		// whoever hides a Secret's data has to know.
		for name, value := range map[string]string{fieldAPIVersion: k.APIVersion(), fieldKind: k.Kind} {
			if said, ok := o[name].(string); (!ok || said == "") && value != "" {
				o[name] = value
			}
		}
		out.Items = append(out.Items, o)
	}
	return out, nil
}

// The limits of counting: so many objects a page, so many pages.
const (
	countPage  = 500
	countPages = 20
)

// metadataType asks for no more of an object than its metadata.
const metadataType = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"

// Count counts objects of a kind. It is one request where the server tells how
// many remain (it does not where a selector is set); else the pages are counted,
// 500 objects each, 20 at most. exact is false where there are more than n.
// Limit and Continue are ignored.
func (c *Client) Count(ctx context.Context, k Kind, o ListOptions) (n int64, exact bool, err error) {
	o.Continue, o.Limit = "", 1
	if o.LabelSelector != "" || o.FieldSelector != "" {
		o.Limit = countPage
	}
	for range countPages {
		page, err := c.countPage(ctx, k, o)
		if err != nil {
			return 0, false, err
		}
		n += page.sent
		if page.Continue == "" {
			return n, true, nil
		}
		// Over all that a database holds the number would be nonsense.
		if r := page.Remaining; r != nil && *r >= 0 && *r < 1<<32 {
			return n + *r, true, nil
		}
		o.Continue, o.Limit = page.Continue, countPage
	}
	return n, false, nil
}

type countedPage struct {
	listMeta

	sent int64
}

func (c *Client) countPage(ctx context.Context, k Kind, o ListOptions) (countedPage, error) {
	body, err := c.list(ctx, k, o, metadataType, false)
	if err != nil {
		return countedPage{}, err
	}
	var list struct {
		Metadata listMeta         `json:"metadata"`
		Items    capped[struct{}] `json:"items"`
	}
	list.Items.limit = 1
	if err := decodeList(body, &list); err != nil {
		return countedPage{}, err
	}
	return countedPage{list.Metadata, int64(len(list.Items.items) + list.Items.more)}, nil
}
