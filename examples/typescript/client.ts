// Calls tools through the endpoint with the MCP TypeScript SDK 2.x. See README.md.

import { Client, ProtocolError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { run, show, textOf, type Session } from './edge.ts';

/** One MCP session: the headers ride on the transport and so on every request. */
const session: Session = async (calls, url, headers, last) => {
  const client = new Client({ name: 'example', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  // A redirect could lead the headers to another host.
  const transport = new StreamableHTTPClientTransport(url, { requestInit: { headers, redirect: 'error' }, fetch: last.fetch });
  let good = true;
  try {
    await client.connect(transport);
    for (const call of calls) {
      const answer = await client.callTool(call);
      show(call.name, textOf(answer.content), answer.isError === true);
      good &&= answer.isError !== true;
    }
  } finally {
    await client.close();
  }
  return good;
};

await run(session, (error) => (error instanceof ProtocolError ? error : undefined));
