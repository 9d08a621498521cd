package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckIDs(t *testing.T) {
	for body, want := range map[string]*fault{
		`{"method":"m","id":0}`:                            nil,
		`{"method":"m","id":-1}`:                           nil,
		`{"method":"m","id":9007199254740992}`:             nil,
		`{"method":"m","id":"9007199254740993"}`:           nil,
		`{"method":"m","id":""}`:                           nil,
		`{"method":"m"}`:                                   nil,
		`[{"method":"m","id":1},{"method":"m"}]`:           nil,
		`{"method":"m","id":9007199254740993}`:             &faultLargeID,
		`{"method":"m","id":-9007199254740993}`:            &faultLargeID,
		`{"method":"m","id":12345678901234567890}`:         &faultLargeID,
		`{"method":"m","id":-0}`:                           &faultLargeID,
		`[{"method":"m","id":9007199254740993}]`:           &faultLargeID,
		`{"method":"m","id":1.5}`:                          &faultID,
		`{"method":"m","id":1e3}`:                          &faultID,
		`{"method":"m","id":null}`:                         &faultID,
		`{"method":"m","id":1,"id":2}`:                     &faultID,
		`[{"method":"m","id":1},{"method":"m","id":true}]`: &faultID,
	} {
		require.Same(t, want, checkIDs([]byte(body)), body)
	}
}
