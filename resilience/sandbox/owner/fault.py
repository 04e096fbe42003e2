"""`fault ...`: requests a fault from a running sandbox, over its own API.

Any client with the sandbox's kubeconfig can send the same requests: POST to
`/sandbox/v1/faults/{crash,freeze,thaw,node,apiserver}`.
"""

from __future__ import annotations

import argparse
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resilience.sandbox.host import home
from resilience.sandbox.host.sandbox_error import SandboxError

TIMEOUT = 30.0
POD_FAULTS = {
    "crash": "end a Pod's processes at once, from outside",
    "freeze": "stop a Pod's processes where they are; connections to it hang",
    "thaw": "let a frozen Pod continue",
}
NODE_STATES = ("running", "kubelet-stopped", "dead")
API_KINDS = ("error", "delay", "reset", "stop", "expire")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `fault`."""
    parser.add_argument("--sandbox", metavar="ID", help="name of the sandbox, if several run")
    kinds = parser.add_subparsers(required=True, metavar="FAULT", dest="fault")
    for name, text in POD_FAULTS.items():
        pod = kinds.add_parser(name, help=text)
        pod.add_argument("pod", metavar="[NAMESPACE/]POD")
        pod.add_argument("--container", metavar="NAME", help="container (default: all that run)")
        pod.set_defaults(request=_pod_request)
    node = kinds.add_parser("node", help="stop a node's kubelet, kill a node, or bring it back")
    node.add_argument("name", metavar="NODE")
    node.add_argument("state", choices=NODE_STATES)
    node.set_defaults(request=_node_request)
    _add_apiserver(kinds.add_parser("apiserver", help="make the API server fail or delay requests"))
    parser.set_defaults(run=run)


def _add_apiserver(api: argparse.ArgumentParser) -> None:
    api.add_argument("kind", choices=(*API_KINDS, "list", "clear"))
    api.add_argument("--code", type=int, help="status of an error: 409, 429, 500, 503 or 504")
    api.add_argument(
        "--times", type=int, help="how many requests are affected (default: until cleared)"
    )
    api.add_argument("--seconds", type=float, help="how long a delay or a stop lasts")
    api.add_argument("--lasts", type=float, metavar="SECONDS", help="when the fault ends by itself")
    api.add_argument("--methods", nargs="+", metavar="GET")
    api.add_argument("--path", metavar="REGEX", help="affected paths (default: all)")
    api.set_defaults(request=_api_request)


Request = tuple[str, str, dict[str, Any] | None]


def _pod_request(options: argparse.Namespace) -> Request:
    namespace, slash, name = options.pod.rpartition("/")
    body = {"namespace": namespace if slash else "default", "pod": name}
    if options.container:
        body["container"] = options.container
    return "POST", options.fault, body


def _node_request(options: argparse.Namespace) -> Request:
    return "POST", "node", {"name": options.name, "state": options.state}


def _api_request(options: argparse.Namespace) -> Request:
    if options.kind in ("list", "clear"):
        return ("GET" if options.kind == "list" else "DELETE"), "apiserver", None
    names = ("kind", "code", "times", "seconds", "lasts", "methods", "path")
    given = {name: getattr(options, name) for name in names}
    return "POST", "apiserver", {key: value for key, value in given.items() if value is not None}


def run(options: argparse.Namespace) -> int:
    """Send the request and print the answer; SandboxError when it is refused."""
    record = _choose(options.sandbox)
    method, fault, body = options.request(options)
    status, answer = _ask(Path(record.kubeconfig), method, f"/sandbox/v1/faults/{fault}", body)
    if status >= 400:
        raise SandboxError(f"{fault}: {answer.get('message', answer)}")
    print(json.dumps(answer))
    return 0


def _choose(name: str | None) -> home.SandboxRecord:
    running = home.records()
    found = [record for record in running if name in (None, record.id)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(record.id for record in found)
        raise SandboxError(f"{len(found)} sandboxes run ({ids}); choose one with --sandbox ID")
    raise SandboxError(f"no sandbox {name} is running" if name else "no sandbox is running")


def _ask(
    kubeconfig: Path, method: str, path: str, body: dict[str, Any] | None
) -> tuple[int, dict[str, Any]]:
    import http.client  # here, so that `up` does not wait for imports that only `fault` needs
    import ssl

    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    where = urlsplit(cluster["server"])
    connection = http.client.HTTPSConnection(
        where.hostname or "",
        where.port,
        timeout=TIMEOUT,
        context=ssl.create_default_context(cadata=authority),
    )
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise SandboxError(f"{cluster['server']} did not answer: {error}") from error
    finally:
        connection.close()
