package kubeheader

import (
	"fmt"
	"io"
	"log/slog"
)

// What holds values of headers prints as its kind, under every verb of fmt, in
// log/slog and in encoding/json. Below that, Secret covers what fmt reaches
// without calling a method.

// String says what kind of request this is and nothing of its values.
func (c Checked) String() string {
	if !c.valid {
		return "kubeheader.Checked(not valid)"
	}
	return "kubeheader.Checked(" + c.Credential() + ")"
}

// Format prints String under every verb and flag.
func (c Checked) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue logs String.
func (c Checked) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String; it never fails.
func (c Checked) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String says what kind of credential this is and nothing of the values.
func (t Target) String() string { return "kubeheader.Target(" + t.Credential() + ")" }

// Format prints String under every verb and flag.
func (t Target) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue logs String.
func (t Target) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText returns String; it never fails.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String names the type.
func (CA) String() string { return "kubeheader.CA" }

// Format prints String under every verb and flag.
func (c CA) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue logs String.
func (c CA) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String; it never fails.
func (c CA) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String names the type.
func (ClientCert) String() string { return "kubeheader.ClientCert" }

// Format prints String under every verb and flag.
func (c ClientCert) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue logs String.
func (c ClientCert) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String; it never fails.
func (c ClientCert) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
