package policy

import "testing"

func TestSchemaFile(t *testing.T) { upToDate(t, "../../docs/policy.schema.json", Schema()) }
