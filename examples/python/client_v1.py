"""Calls tools through the endpoint with the MCP Python SDK 1.x. See README.md."""

import sys

import httpx
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

import edge


async def session(arguments, headers, last):
    """One MCP session: the headers ride on the HTTP client and so on every request."""
    good = True
    # No timeout here: edge.run() bounds all of it, and of two that end together either could speak.
    async with (
        httpx.AsyncClient(headers=headers, timeout=None, event_hooks={"response": [last]}) as http,
        streamable_http_client(arguments.url, http_client=http) as (read, write, _),
        ClientSession(read, write) as client,
    ):
        await client.initialize()
        for tool, values in edge.calls(arguments):
            answer = await client.call_tool(tool, values)
            text = "".join(part.text for part in answer.content if part.type == "text")
            edge.show(tool, text, answer.isError)
            good = good and not answer.isError
    return good


if __name__ == "__main__":
    sys.exit(edge.run(session, rejection=McpError, no_connection=httpx.ConnectError))
