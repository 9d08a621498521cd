// What both clients share: the headers they send and what a person gets to read.

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const status = { ok: 0, refused: 1, usage: 2, rejected: 3, unreachable: 4 };

const help = `usage: node client.ts [options]

Asks an MCP endpoint who you are and which pods you have, or calls the tools that you name.

  --url URL          the endpoint (default: $MCP_URL, else http://127.0.0.1:8080/mcp)
  --kubeconfig FILE  take the headers from this file and not from the environment
  --context NAME     the context of the kubeconfig (default: the current one)
  --namespace NAME   list its pods; * for all (default: kubernetes-namespace, else all)
  --call TOOL=JSON   call this tool with these arguments instead; may be given again
  --timeout SECONDS  for the whole run (default: 30)

exit status:
  0  every call was answered
  1  the cluster refused a call, and the answer says why
  2  nothing was sent: wrong arguments, or no usable headers
  3  the endpoint rejected the request: header, reason and decision are shown
  4  the endpoint cannot be reached, or does not answer as an MCP server`;

// Named one by one: in a pod, Kubernetes itself sets KUBERNETES_PORT and others
// that are no headers, and the endpoint refuses any kubernetes-* it does not know.
const names = [
  'kubernetes-server',
  'kubernetes-certificate-authority-data',
  'kubernetes-authorization',
  'kubernetes-client-certificate-data',
  'kubernetes-client-key-data',
  'kubernetes-insecure-skip-tls-verify',
  'kubernetes-tls-server-name',
  'kubernetes-namespace',
  'kubernetes-toolsets',
];

export type Call = { name: string; arguments: Record<string, unknown> };
/** What the endpoint says of a request that it rejected. */
export type Rejection = { message: string; data?: unknown };
/** Makes the calls in one MCP session, and says whether all went well. */
export type Session = (calls: Call[], url: URL, headers: Record<string, string>, last: LastAnswer) => Promise<boolean>;

/** Why nothing can be sent, in one sentence that holds no value. */
class Unusable extends Error {}

class Late extends Error {}

/** The variables that `kubemcp headers --format env` exports. */
function fromEnvironment(): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of names) {
    const variable = name.toUpperCase().replaceAll('-', '_');
    const value = process.env[variable]?.trim();
    if (value === undefined) continue;
    // Checked here because fetch would quote the value in its error.
    if (!/^[\x20-\x7e\t]*$/.test(value)) {
      throw new Unusable(
        `${variable} holds a line break or a character outside ASCII;` +
          ' a header is one line, and PEM goes into it in base64 (base64 -w0).',
      );
    }
    headers[name] = value;
  }
  if (Object.keys(headers).length === 0) {
    throw new Unusable('no KUBERNETES_* variable is set: eval "$(kubemcp headers --format env)", or use --kubeconfig.');
  }
  return headers;
}

/** What `kubemcp headers` makes of a context; it runs exec plugins as kubectl does. */
function fromKubeconfig(file?: string, context?: string): Record<string, string> {
  const wanted = ['headers', '--format', 'json', ...(file ? ['--kubeconfig', file] : []), ...(context ? ['--context', context] : [])];
  const made = spawnSync('kubemcp', wanted, { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
  if (made.error) throw new Unusable('kubemcp cannot be run: put it on PATH (make build leaves it in .cache/bin).');
  if (made.status !== 0) throw new Unusable('kubemcp made no headers of the kubeconfig; its own message is above.');
  return JSON.parse(made.stdout);
}

function parse() {
  const text = { type: 'string' } as const;
  const options = { url: text, kubeconfig: text, context: text, namespace: text, timeout: text, call: { ...text, multiple: true }, help: { type: 'boolean' } } as const;
  let values;
  try {
    values = parseArgs({ options }).values;
  } catch {
    throw new Unusable('the arguments are wrong: see --help.');
  }
  const seconds = Number(values.timeout ?? 30);
  if (!(seconds > 0)) throw new Unusable('--timeout takes seconds.');
  return { ...values, seconds, endpoint: endpoint(values.url ?? (process.env['MCP_URL'] || 'http://127.0.0.1:8080/mcp')) };
}

/** The URL, if it can be used and shown: a password in it would be printed with it. */
function endpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new Unusable('the endpoint is not a URL such as https://mcp.example.com/mcp');
  }
  return url;
}

/** The tools to call, in order. */
function calls(named: string[] | undefined, namespace: string | undefined): Call[] {
  if (!named) {
    const pods = { apiVersion: 'v1', kind: 'Pod', ...(namespace && { namespace }) };
    return [{ name: 'whoami', arguments: {} }, { name: 'resources_list', arguments: pods }];
  }
  return named.map((text) => {
    const [name = '', ...json] = text.split('=');
    try {
      return { name, arguments: JSON.parse(json.join('=') || '{}') };
    } catch {
      throw new Unusable(`the arguments of --call ${name} are no JSON object.`);
    }
  });
}

/** Prints a tool's answer. A refusal of the cluster is an answer too: it says what to do. */
export function show(tool: string, text: string, isError: boolean) {
  console.log(`--- ${tool}${isError ? ': refused' : ''}\n${text.trimEnd()}`);
}

/** The text parts of an answer. */
export function textOf(content: { type: string; text?: unknown }[]): string {
  return content.map((part) => (part.type === 'text' ? String(part.text) : '')).join('');
}

/**
 * Keeps what the newest HTTP answer was: its status, whether MCP can have sent it, the error in it.
 *
 * An answer of Envoy's own (guard down, request too large) has no JSON-RPC id, and
 * a client drops what it cannot match to a request: here it is still readable.
 */
export class LastAnswer {
  status = 0;
  foreign = false;
  error: Rejection | undefined;

  fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if (init?.method === 'POST') await this.#note(response); // GET is an optional stream that many servers refuse
    return response;
  };

  async #note(response: Response) {
    const type = response.headers.get('content-type') ?? '';
    this.status = response.status;
    this.error = undefined;
    this.foreign = !response.ok || (response.status === 200 && !type.startsWith('text/event-stream'));
    if (!type.startsWith('application/json')) return;
    const message = await response.clone().json().catch(() => undefined);
    this.foreign = message?.jsonrpc !== '2.0';
    if (!this.foreign && typeof message.error?.message === 'string') this.error = message.error;
  }
}

/** Prints the sentence, and what to name when you ask the operator about it. */
function showRejection({ message, data }: Rejection) {
  console.error(`Rejected: ${message}`);
  const known = (data ?? {}) as Record<string, unknown>;
  for (const name of ['header', 'reason', 'decision']) {
    if (known[name]) console.error(`  ${`${name}:`.padEnd(10)}${known[name]}`);
  }
  const problems = Array.isArray(known['problems']) ? known['problems'] : [];
  for (const problem of problems.slice(1)) console.error(`Also: ${problem?.message ?? problem}`);
}

/** The error and what it was caused by, the first cause last. */
function causes(error: unknown): unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}

/** Says in a sentence why the session ended, and returns the exit status. */
function explain(error: unknown, last: LastAnswer, url: URL, said: Rejection | undefined): number {
  const rejection = said?.data ? said : (last.error ?? (last.foreign ? undefined : said));
  if (rejection) {
    showRejection(rejection);
    return status.rejected;
  }
  const all = causes(error);
  const code = all.map((cause) => String((cause as NodeJS.ErrnoException).code)).findLast((found) => /^E[A-Z]+$/.test(found));
  if (all.some((cause) => cause instanceof Late)) {
    console.error(`${url} did not answer in time (--timeout).`);
  } else if (last.foreign) {
    console.error(`${url} is no MCP endpoint: it answered with HTTP status ${last.status}. Is the path right?`);
  } else if (all.some((cause) => cause instanceof TypeError) && last.status === 0) {
    console.error(`Cannot connect to ${url} (${code ?? 'the answer is a redirect'}). Is it up, and is the address right?`);
  } else {
    // Names alone: what an exception of a library says may quote a header.
    console.error(`The session with ${url} broke off (${all.map((cause) => (cause as Error).name).join(', ')}).`);
  }
  return status.unreachable;
}

/** The program around a session; said finds in an error of the SDK what the endpoint said. */
export async function run(session: Session, said: (error: unknown) => Rejection | undefined): Promise<never> {
  const last = new LastAnswer();
  let url: URL | undefined;
  try {
    const args = parse();
    if (args.help) {
      console.log(help);
      process.exit(status.ok);
    }
    const headers = args.kubeconfig || args.context ? fromKubeconfig(args.kubeconfig, args.context) : fromEnvironment();
    const wanted = calls(args.call, args.namespace);
    url = args.endpoint;
    const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Late()), args.seconds * 1000));
    const good = await Promise.race([session(wanted, url, headers, last), late]);
    process.exit(good ? status.ok : status.refused);
  } catch (error) {
    if (url) process.exit(explain(error, last, url, said(error))); // a stack would help nobody
    if (!(error instanceof Unusable)) throw error;
    console.error(`Nothing was sent: ${error.message}`);
    process.exit(status.usage);
  }
}
