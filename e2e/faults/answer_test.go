package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/e2e/rig"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// The protocol versions that callers name: one of the legacy era and one of the
// modern era.
const (
	legacyVersion = "2025-11-25"
	modernVersion = "2026-07-28"
)

// shapeOf is the table of the contract for one request; the id is to be filled in
// where one is due.
func shapeOf(reason kubeheader.Reason, c caller) rig.Refusal {
	out := rig.Refusal{Status: http.StatusOK, ID: "due", Code: -32602, Reason: reason, Header: "*"}
	switch {
	case slices.Contains(fromEnvoy(), reason):
		out.Status, out.ID, out.Code = http.StatusServiceUnavailable, "", -32603
		return out
	case reason == kubeheader.ReasonHeadersTooLarge: // Envoy's too, and the caller's fault
		out.Status, out.ID, out.Code = http.StatusBadRequest, "", -32603
		return out
	case strings.HasPrefix(reason.String(), "proof-"):
		out.Code = -32603
	}
	if c.modern {
		out.Status = http.StatusBadRequest
	}
	if c.method != http.MethodPost {
		out.Status, out.ID = http.StatusBadRequest, ""
	}
	return out
}

// fromEnvoy are the reasons of Envoy's own answers when it is not the caller's fault.
func fromEnvoy() []kubeheader.Reason {
	return []kubeheader.Reason{
		kubeheader.ReasonGuardUnavailable, kubeheader.ReasonGuardTimeout, kubeheader.ReasonAccessDenied, kubeheader.ReasonBackendUnavailable,
	}
}

// refused reads an answer that has to be an error with one of these reasons, in
// the shape that a person and every client can read.
func refused(res harness.Response, c caller, id string, reasons []kubeheader.Reason) (kubeheader.Reason, error) {
	rpc, err := res.RPC()
	if err != nil || rpc.Error == nil {
		return 0, fmt.Errorf("status %d, and the body is no JSON-RPC error", res.Status)
	}
	data := rpc.Error.Data
	reason, known := kubeheader.ParseReason(data.Reason)
	if !known || !slices.Contains(reasons, reason) {
		return reason, fmt.Errorf("status %d with the reason %q", res.Status, data.Reason)
	}
	want := shapeOf(reason, c)
	if want.ID != "" {
		want.ID = id
	}
	return reason, want.Differs(res)
}

var errNoResult = errors.New("no result")

// served reads an answer that has to be the caller's own name.
func served(res harness.Response, user, id string) error {
	rpc, err := res.RPC()
	if err != nil {
		return err
	}
	if rpc.Result == nil {
		return errNoResult
	}
	var result struct {
		Structured struct {
			Username string `json:"username"`
		} `json:"structuredContent"`
		IsError bool `json:"isError"`
	}
	if err := json.Unmarshal(rpc.Result, &result); err != nil {
		return err
	}
	switch {
	case result.IsError:
		return errors.New("the tool failed")
	case res.Status != http.StatusOK:
		return fmt.Errorf("a result with status %d", res.Status)
	case string(rpc.ID) != id:
		return errors.New("a result with the id of another request")
	case result.Structured.Username != user:
		return fmt.Errorf("%s was taken for somebody else", user)
	}
	return nil
}
