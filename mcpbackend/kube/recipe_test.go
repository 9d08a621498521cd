package kube

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// TestRecipe pins settings that agree with today's defaults, or whose effect no
// test can wait for.
func TestRecipe(t *testing.T) {
	client := clientOf(t, newHostile(t, plain))
	tr := client.entry.guard.transport
	require.EqualValues(t, tls.VersionTLS12, tr.TLSClientConfig.MinVersion)
	require.Equal(t, tls.RenegotiateNever, tr.TLSClientConfig.Renegotiation)
	require.Nil(t, tr.TLSClientConfig.ClientSessionCache)
	require.False(t, tr.TLSClientConfig.InsecureSkipVerify)
	require.Equal(t, 8, tr.MaxConnsPerHost)
	require.EqualValues(t, 32<<10, tr.MaxResponseHeaderBytes)
	require.True(t, tr.DisableCompression)
	for _, d := range []time.Duration{tr.TLSHandshakeTimeout, tr.ResponseHeaderTimeout, tr.IdleConnTimeout, tr.HTTP2.SendPingTimeout, tr.HTTP2.PingTimeout} {
		require.Positive(t, d)
	}
	require.Positive(t, tr.HTTP2.MaxReceiveBufferPerStream)
}

// TestRestConfigHasNothingElse: files, programs, other users, proxies and
// dialers of client-go never come from a caller, or from anywhere.
func TestRestConfigHasNothingElse(t *testing.T) {
	client := clientOf(t, newHostile(t, plain))
	got := restConfig(client.target, client.entry.guard)
	require.Equal(t, &rest.Config{
		Host: client.Server(), BearerToken: "alice-token", Transport: client.entry.guard, UserAgent: userAgent,
		QPS: -1, WarningHandler: rest.NoWarnings{},
		ContentConfig: rest.ContentConfig{AcceptContentTypes: "application/json", ContentType: "application/json"},
	}, got)
}
