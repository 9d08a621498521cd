"""What both clients share: the headers they send and what a person gets to read. Standard library only."""

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
from urllib.parse import urlsplit

OK, REFUSED, USAGE, REJECTED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130

EXIT_STATUS = """exit status:
  0  every call was answered
  1  the cluster refused a call, and the answer says why
  2  nothing was sent: wrong arguments, or no usable headers
  3  the endpoint rejected the request: header, reason and decision are shown
  4  the endpoint cannot be reached, or does not answer as an MCP server"""

# Named one by one: in a pod, Kubernetes itself sets KUBERNETES_PORT and others
# that are no headers, and the endpoint refuses any kubernetes-* it does not know.
HEADERS = (
    "kubernetes-server",
    "kubernetes-certificate-authority-data",
    "kubernetes-authorization",
    "kubernetes-client-certificate-data",
    "kubernetes-client-key-data",
    "kubernetes-insecure-skip-tls-verify",
    "kubernetes-tls-server-name",
    "kubernetes-namespace",
    "kubernetes-toolsets",
)


class Unusable(Exception):
    """Why nothing can be sent, in one sentence that holds no value."""


def variable(header):
    return header.upper().replace("-", "_")


def from_environment():
    """The variables that `kubemcp headers --format env` exports."""
    headers = {h: os.environ[variable(h)].strip() for h in HEADERS if variable(h) in os.environ}
    if not headers:
        raise Unusable('no KUBERNETES_* variable is set: eval "$(kubemcp headers --format env)", or use --kubeconfig.')
    for header, value in headers.items():
        # Checked here because the HTTP library would quote the value in its error.
        if not (value.isascii() and value.isprintable()):
            raise Unusable(
                f"{variable(header)} holds a line break or a character outside ASCII;"
                " a header is one line, and PEM goes into it in base64 (base64 -w0)."
            )
    return headers


def from_kubeconfig(path, context):
    """What `kubemcp headers` makes of a context; it runs exec plugins as kubectl does."""
    command = ["kubemcp", "headers", "--format", "json"]
    command += ["--kubeconfig", path] if path else []
    command += ["--context", context] if context else []
    try:
        made = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    except OSError:
        raise Unusable("kubemcp cannot be run: put it on PATH (make build leaves it in .cache/bin).") from None
    if made.returncode:
        raise Unusable("kubemcp made no headers of the kubeconfig; its own message is above.")
    return json.loads(made.stdout)


def headers(arguments):
    if arguments.kubeconfig is None and arguments.context is None:
        return from_environment()
    return from_kubeconfig(arguments.kubeconfig, arguments.context)


def parse():
    parser = argparse.ArgumentParser(
        description="Asks an MCP endpoint who you are and which pods you have, or calls the tools that you name.",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("--url", help="the endpoint (default: $MCP_URL, else http://127.0.0.1:8080/mcp)")
    option("--kubeconfig", nargs="?", const="", metavar="FILE",
           help="take the headers from a kubeconfig and not from the environment (default file: as for kubectl)")
    option("--context", metavar="NAME", help="the context of the kubeconfig (default: the current one)")
    option("--namespace", metavar="NAME", help="list its pods; * for all (default: kubernetes-namespace, else all)")
    option("--call", action="append", type=call, metavar="TOOL=JSON",
           help="call this tool with these arguments instead; may be given again")
    option("--timeout", type=float, default=30, metavar="SECONDS", help="for the whole run (default: 30)")
    arguments = parser.parse_args()
    arguments.url = arguments.url or os.environ.get("MCP_URL") or "http://127.0.0.1:8080/mcp"
    if not is_endpoint(arguments.url):
        parser.error("the endpoint is not a URL such as https://mcp.example.com/mcp")
    return arguments


def is_endpoint(url):
    """Whether url can be used, and shown: a password in it would be printed with it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def call(text):
    """A call as it is named on the command line."""
    tool, _, values = text.partition("=")
    try:
        return tool, json.loads(values or "{}")
    except ValueError:
        raise argparse.ArgumentTypeError(f"the arguments of {tool} are no JSON object") from None


def calls(arguments):
    """The tools to call, in order: name, arguments."""
    if arguments.call:
        yield from arguments.call
        return
    yield "whoami", {}
    pods = {"apiVersion": "v1", "kind": "Pod"}
    yield "resources_list", pods | ({"namespace": arguments.namespace} if arguments.namespace else {})


def show(tool, text, is_error):
    """Prints a tool's answer. A refusal of the cluster is an answer too: it says what to do."""
    print(f"--- {tool}: refused" if is_error else f"--- {tool}", text.rstrip(), sep="\n", flush=True)


class LastAnswer:
    """Keeps what the newest HTTP answer was: its status, whether MCP can have sent it, the error in it.

    An answer of Envoy's own (guard down, request too large) has no JSON-RPC id, and
    a client drops what it cannot match to a request: here it is still readable.
    """

    status, foreign, error = 0, False, None

    async def __call__(self, response):
        if response.request.method != "POST":
            return  # an optional stream that many servers refuse
        self.status, self.foreign, self.error = response.status_code, response.status_code >= 300, None
        kind = response.headers.get("content-type", "")
        if kind.startswith("application/json"):
            try:
                message = json.loads(await response.aread())
                self.foreign, error = "jsonrpc" not in message, message.get("error")
            except (ValueError, TypeError, AttributeError):
                self.foreign, error = True, None
            self.error = error if isinstance(error, dict) and not self.foreign else None
        elif self.status == 200:
            self.foreign = not kind.startswith("text/event-stream")


def causes(error):
    """The SDK runs in task groups, so its errors arrive in groups, nested ones too."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    else:
        yield error


def show_rejection(message, data):
    """Prints the sentence, and what to name when you ask the operator about it."""
    print("Rejected:", message, file=sys.stderr)
    if not isinstance(data, dict):
        return
    for name in ("header", "reason", "decision"):
        if data.get(name):
            print(f"  {name + ':':<10}{data[name]}", file=sys.stderr)
    problems = data.get("problems")
    for problem in problems[1:] if isinstance(problems, list) else []:
        print("Also:", problem.get("message") if isinstance(problem, dict) else problem, file=sys.stderr)


def explain(error, last, url, rejection, no_connection):
    """Says in a sentence why the session ended, and returns the exit status."""
    found = list(causes(error))
    said = next((cause.error for cause in found if isinstance(cause, rejection)), None)
    refused = next((cause for cause in found if isinstance(cause, no_connection)), None)
    if said and said.data:
        show_rejection(said.message, said.data)
        return REJECTED
    if last.error:
        show_rejection(last.error.get("message"), last.error.get("data"))
        return REJECTED
    if refused:
        print(f"Cannot connect to {url}: {refused}. Is it up, and is the address right?", file=sys.stderr)
    elif last.foreign:
        print(f"{url} is no MCP endpoint: it answered with HTTP status {last.status}. Is the path right?", file=sys.stderr)
    elif any(isinstance(cause, TimeoutError) for cause in found):
        print(f"{url} did not answer in time (--timeout).", file=sys.stderr)
    elif said:
        show_rejection(said.message, None)
        return REJECTED
    else:
        # Names alone: what an exception of a library says may quote a header.
        kinds = ", ".join(sorted({type(cause).__name__ for cause in found}))
        print(f"The session with {url} broke off ({kinds}).", file=sys.stderr)
    return UNREACHABLE


def run(session, rejection, no_connection):
    """The program around session(arguments, headers, last), which returns whether all calls went well."""
    logging.disable()  # the SDK logs every error with its traceback; explain() is what a person reads
    arguments, last = parse(), LastAnswer()

    async def bounded(sent):
        async with asyncio.timeout(arguments.timeout):
            return await session(arguments, sent, last)

    try:
        return OK if asyncio.run(bounded(headers(arguments))) else REFUSED
    except Unusable as error:
        print("Nothing was sent:", error, file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # a traceback could show a header, and helps nobody
        return explain(error, last, arguments.url, rejection, no_connection)
