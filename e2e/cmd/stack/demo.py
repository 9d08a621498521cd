"""Calls two tools through the running stack, as the first tenant it finds.

Reads stack.json beside this file, which exists while the stack is up.
"""

import json
import pathlib
import urllib.request

stack = json.loads((pathlib.Path(__file__).parent / "stack.json").read_text())
kinds = next(iter(tenant for name, tenant in sorted(stack["tenants"].items()) if name != "admin"))
headers = next(iter(kinds.values()))


def call(tool, arguments, **extra):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
    request = urllib.request.Request(
        stack["url"],
        data=json.dumps(message).encode(),
        headers={"content-type": "application/json", "accept": "application/json, text/event-stream", **headers, **extra},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        text = response.read().decode()
    for line in text.splitlines():  # an event stream carries the message in its data line
        if line.startswith("data:"):
            text = line[len("data:") :]
    answer = json.loads(text)
    if "error" in answer:
        return "refused: " + answer["error"]["message"]
    return "\n".join(part["text"] for part in answer["result"]["content"])


print(call("whoami", {}))
for namespace in stack["namespaces"][:1]:
    print(call("resources_list", {"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace}))
print(call("whoami", {}, **{"kubernetes-server": "http://example.com"}))
