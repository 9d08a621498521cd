package stream

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"kubernetes-mcp-edge/extproc/verdict"
)

// MetadataNamespace is the dynamic metadata namespace of every answer; Envoy's
// RBAC filter and access log read it.
const MetadataNamespace = "kube_guard"

// The keys of the metadata. All are in every answer, so that no earlier value
// can show through.
const (
	metadataVerdict    = "verdict"    // allow or reject
	metadataReason     = "reason"     // kebab-case; "" if allowed
	metadataCredential = "credential" // one of verdict's constants; "" if rejected
	metadataDecision   = "decision"   // a UUID
)

// metadata is the guard's word to the filters after it and to the access log.
func metadata(decided, reason, credential, decision string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		MetadataNamespace: structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{
			metadataVerdict:    structpb.NewStringValue(decided),
			metadataReason:     structpb.NewStringValue(reason),
			metadataCredential: structpb.NewStringValue(credential),
			metadataDecision:   structpb.NewStringValue(decision),
		}}),
	}}
}

// tails are the parts of an accepting answer that are of one request: what is
// sent after the bytes of EncodeAllow. The metadata is among them as a whole,
// since protobuf merges repeated messages but replaces repeated map entries: of
// a second kube_guard, the keys of the first would be lost.
//
// A decision has one length, so everything before it is the same bytes each
// time; both parts end in it.
type tails struct {
	metadata map[string][]byte // by credential
	header   []byte            // sets x-request-id
}

func newTails() (tails, error) {
	const blank = "00000000-0000-0000-0000-000000000000"
	header, err := proto.Marshal(continueHeaders(&extprocv3.HeaderMutation{
		SetHeaders: []*corev3.HeaderValueOption{overwrite(decisionHeader, []byte(blank))},
	}))
	if err != nil {
		return tails{}, err
	}
	t := tails{metadata: map[string][]byte{}, header: header[:len(header)-len(blank)]}
	for _, credential := range []string{verdict.CredentialToken, verdict.CredentialClientCertificate, verdict.CredentialAnonymous} {
		t.metadata[credential] = beforeDecision(credential, len(blank))
	}
	return t, nil
}

// of writes the tail of an answer. Named says that x-request-id has to be set.
func (t tails) of(credential, decision string, named bool) []byte {
	before, ok := t.metadata[credential]
	if !ok {
		before = beforeDecision(credential, len(decision))
	}
	size := len(before) + len(decision)
	if named {
		size += len(t.header) + len(decision)
	}
	out := make([]byte, 0, size)
	if named {
		out = append(append(out, t.header...), decision...)
	}
	return append(append(out, before...), decision...)
}

// The field numbers of the messages that beforeDecision writes, all of them
// submessages or strings (ext_proc's external_processor.proto and protobuf's
// struct.proto).
const (
	responseMetadata protowire.Number = 8 // ProcessingResponse.dynamic_metadata
	structFields     protowire.Number = 1 // Struct.fields
	entryKey         protowire.Number = 1 // of a map
	entryValue       protowire.Number = 2
	valueString      protowire.Number = 3 // Value.string_value
	valueStruct      protowire.Number = 5 // Value.struct_value
)

// beforeDecision encodes the metadata of an accepting answer up to the value of
// its last key, the decision, which has size bytes.
func beforeDecision(credential string, size int) []byte {
	entry := func(key string, value []byte) []byte {
		return append(field(nil, entryKey, []byte(key)), field(nil, entryValue, value)...)
	}
	text := func(s string) []byte { return field(nil, valueString, []byte(s)) }
	var inner []byte
	inner = field(inner, structFields, entry(metadataVerdict, text("allow")))
	inner = field(inner, structFields, entry(metadataReason, text("")))
	inner = field(inner, structFields, entry(metadataCredential, text(credential)))
	inner = field(inner, structFields, entry(metadataDecision, text(string(make([]byte, size)))))
	outer := field(nil, structFields, entry(MetadataNamespace, field(nil, valueStruct, inner)))
	all := field(nil, responseMetadata, outer)
	return all[:len(all)-size]
}

func field(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}
