"""Calls tools through the endpoint with the MCP Python SDK 2.x. See README.md."""

import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

import edge


async def session(arguments, headers, last):
    """One MCP session: the headers ride on the HTTP client and so on every request."""
    good = True
    # No timeout here: edge.run() bounds all of it, and of two that end together either could speak.
    async with (
        httpx2.AsyncClient(headers=headers, timeout=None, event_hooks={"response": [last]}) as http,
        Client(streamable_http_client(arguments.url, http_client=http)) as client,
    ):
        for tool, values in edge.calls(arguments):
            answer = await client.call_tool(tool, values)
            text = "".join(part.text for part in answer.content if part.type == "text")
            edge.show(tool, text, answer.is_error)
            good = good and not answer.is_error
    return good


if __name__ == "__main__":
    sys.exit(edge.run(session, rejection=MCPError, no_connection=httpx2.ConnectError))
