package stream

import (
	"errors"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// encoded is a ProcessingResponse that is already serialized: what the verdict
// cache holds, and after it what belongs to this one request, if anything.
// Serialized messages that stand one after the other read as one message with
// the fields of both, since parsing merges, lists and the members of a oneof of
// the same kind included (protobuf encoding, "Last One Wins").
type encoded struct {
	shared mem.SliceBuffer // from the cache: other streams send the same bytes
	own    mem.SliceBuffer // of this request
	parts  [2]mem.Buffer   // both, for Marshal, which would have to allocate the list
}

// codec is grpc's own protobuf codec, except that it passes encoded through.
type codec struct{ encoding.CodecV2 }

// Codec returns the codec that a server of this package needs, to be given to
// grpc.ForceServerCodecV2: it sends answers that are already encoded as they
// are and treats every other message as protobuf, so that other services (the
// health service) work beside it. The error means that grpc's protobuf codec is
// not linked in, which cannot be in a program that imports this package.
func Codec() (encoding.CodecV2, error) {
	base := encoding.GetCodecV2(proto.Name)
	if base == nil {
		return nil, errors.New("stream: grpc has no protobuf codec")
	}
	return codec{base}, nil
}

// Marshal implements encoding.CodecV2. The buffers of an encoded answer are not
// pooled: mem.SliceBuffer's Free does nothing, so grpc cannot recycle bytes that
// the cache still holds.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	answer, ok := v.(*encoded)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	answer.parts = [2]mem.Buffer{&answer.shared, &answer.own}
	return answer.parts[:], nil
}
