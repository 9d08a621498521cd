package kube

import (
	"context"
	"encoding/json"
	"net/http"
)

// The limits of an OpenAPI document. The largest of a stock cluster (v1) has 1.6 MB
// and some 34 000 values; schemas of custom resources are nested deeper than their
// objects.
const (
	maxSchemaValues = 400_000
	maxSchemaDepth  = 256
)

// Schema is the OpenAPI v3 document of one group/version, such as "apps/v1": one
// request. It is valid JSON of at most 8 MiB, 400 000 values and 256 levels;
// beyond that it is anything a server likes to say, references in circles
// included. It is not kept.
//
// The index at /openapi/v3 is not asked: all that it adds is a hash for caches,
// and a server's word for where to look next.
func (c *Client) Schema(ctx context.Context, groupVersion string) ([]byte, error) {
	groupName, version, ok := splitAPIVersion(groupVersion)
	if !ok {
		return nil, &Error{Trouble: Invalid, Detail: "no group/version"}
	}
	segments := append([]string{"openapi", "v3"}, groupPath(groupName, version)...)
	body, err := c.do(ctx, call{method: http.MethodGet, segments: segments, accept: jsonType})
	if err != nil {
		return nil, err
	}
	if err := bounded(body, maxSchemaValues, maxSchemaDepth); err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, garbled()
	}
	return body, nil
}
