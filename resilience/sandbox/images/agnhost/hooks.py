"""`agnhost webhook` and `crd-conversion-webhook`: HTTPS servers for admission and conversion.

Each path decides as in the real image: only by the content of the review.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resilience.sandbox.images.agnhost.agnhost_main import parse

Obj = dict[str, Any]
FLAGS = {"tls-cert-file": "", "tls-private-key-file": "", "port": 443, "sidecar-image": ""}
_TEST = "webhook-e2e-test"


def webhook(arguments: list[str]) -> int:
    """Serve admission reviews until killed."""
    flags, _ = parse(arguments, FLAGS)
    paths = admission_paths(flags["sidecar-image"])
    server(("0.0.0.0", flags["port"]), flags, paths).serve_forever()
    return 0


def admission_paths(sidecar_image: str = "") -> dict[str, Callable[[Obj], Obj]]:
    """The handler of each path."""
    paths = {path: _admission(judge) for path, judge in _JUDGES.items()}
    return {**paths, "/mutating-pods-sidecar": _admission(_adds_sidecar(sidecar_image))}


def crd_conversion_webhook(arguments: list[str]) -> int:
    """Serve conversion reviews until killed."""
    flags, _ = parse(arguments, FLAGS)
    server(("0.0.0.0", flags["port"]), flags, {"/crdconvert": _conversion}).serve_forever()
    return 0


def server(
    address: tuple[str, int], flags: Obj, paths: dict[str, Callable[[Obj], Obj]]
) -> ThreadingHTTPServer:
    """A server with the certificate that the flags name; run its `serve_forever`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, b"ok") if self.path == "/readyz" else self._answer(404, b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            act = paths.get(self.path.partition("?")[0])
            if act is None:
                self._answer(404, b"404 page not found\n")
            else:
                self._answer(200, json.dumps(act(json.loads(body))).encode())

        def _answer(self, status: int, data: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            print(format % args, flush=True)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            # The handshake belongs to the connection: one that never ends must not block the
            # others.
            with context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that disconnects is not reported."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(flags["tls-cert-file"], flags["tls-private-key-file"])
    return Server(address, Handler)


def _admission(judge: Callable[[Obj], Obj]) -> Callable[[Obj], Obj]:
    def act(review: Obj) -> Obj:
        request = review["request"]
        return {
            "apiVersion": review["apiVersion"],
            "kind": "AdmissionReview",
            "response": {"uid": request["uid"], **judge(request)},
        }

    return act


def _denied(message: str = "", reason: str = "") -> Obj:
    status = {"message": message} if message else {"reason": reason}
    return {"allowed": False, "status": {"metadata": {}, **status}}


def _patched(*operations: Obj) -> Obj:
    if not operations:
        return {"allowed": True}
    text = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patch": text, "patchType": "JSONPatch"}


def _add(path: str, value: Any) -> Obj:
    return {"op": "add", "path": path, "value": value}


def _always_allow_late(request: Obj) -> Obj:
    time.sleep(5)
    return {"allowed": True}


def _adds_label(request: Obj) -> Obj:
    labels = request["object"]["metadata"].get("labels") or {}
    if not labels:
        return _patched(_add("/metadata/labels", {"added-label": "yes"}))
    if labels.get("added-label") != "yes":
        return _patched(_add("/metadata/labels/added-label", "yes"))
    return _patched()


def _pods(request: Obj) -> Obj:
    pod, why = request["object"], []
    label = (pod["metadata"].get("labels") or {}).get(_TEST)
    if label == "wait-forever":
        threading.Event().wait()
    if label == "webhook-disallow":
        why.append("the pod contains unwanted label; ")
    why += [
        "the pod contains unwanted container name; "
        for container in pod["spec"]["containers"]
        if "webhook-disallow" in container["name"]
    ]
    return _denied("".join(why).strip()) if why else {"allowed": True}


def _attaching(request: Obj) -> Obj:
    options = request.get("object") or {}
    if request["name"] != "to-be-attached-pod" or not options.get("stdin"):
        return {"allowed": True}
    if options.get("container") != "container1":
        return {"allowed": True}
    return _denied("attaching to pod 'to-be-attached-pod' is not allowed")


def _adds_init_container(request: Obj) -> Obj:
    pod = request["object"]
    name = "webhook-added-init-container"
    there = any(entry["name"] == name for entry in pod["spec"].get("initContainers") or [])
    if pod["metadata"].get("name") != "webhook-to-be-mutated" or there:
        return _patched()
    container = {"image": "webhook-added-image", "name": name, "resources": {}}
    return _patched(_add("/spec/initContainers", [container]))


def _adds_sidecar(image: str) -> Callable[[Obj], Obj]:
    def judge(request: Obj) -> Obj:
        name = "webhook-added-sidecar"
        if any(entry["name"] == name for entry in request["object"]["spec"]["containers"]):
            return _patched()
        return _patched(_add("/spec/containers/-", {"image": image, "name": name, "resources": {}}))

    return judge


def _maps(request: Obj) -> Obj:
    deleted = request["operation"] == "DELETE"
    obj = request["oldObject"] if deleted else request["object"]
    value = (obj.get("data") or {}).get(_TEST)
    return _judged(value, deleted=deleted, kind="configmap")


def _customs(request: Obj) -> Obj:
    deleted = request["operation"] == "DELETE"
    obj = request["oldObject"] if deleted else request["object"]
    value = (obj.get("data") or {}).get(_TEST)
    return _judged(value, deleted=deleted, kind="custom resource")


def _judged(value: Any, *, deleted: bool, kind: str) -> Obj:
    if value == "webhook-disallow" and not deleted:
        return _denied(reason=f"the {kind} contains unwanted {_what(kind)}")
    if value == "webhook-nondeletable" and deleted:
        return _denied(
            reason=f"the {kind} cannot be deleted because it contains unwanted key and value"
        )
    return {"allowed": True}


def _what(kind: str) -> str:
    return "key and value" if kind == "configmap" else "data"


def _mutates_data(request: Obj) -> Obj:
    data = request["object"].get("data") or {}
    if data.get("mutation-stage-1") == "yes":
        return _patched(_add("/data/mutation-stage-2", "yes"))
    if data.get("mutation-start") == "yes":
        return _patched(_add("/data/mutation-stage-1", "yes"))
    return _patched()


def _definitions(request: Obj) -> Obj:
    labels = request["object"]["metadata"].get("labels") or {}
    if labels.get(_TEST) == "webhook-disallow":
        return _denied(reason="the crd contains unwanted label")
    return {"allowed": True}


_JUDGES: dict[str, Callable[[Obj], Obj]] = {
    "/always-allow-delay-5s": _always_allow_late,
    "/always-deny": lambda request: _denied("this webhook denies all requests"),
    "/add-label": _adds_label,
    "/pods": _pods,
    "/pods/attach": _attaching,
    "/mutating-pods": _adds_init_container,
    "/configmaps": _maps,
    "/mutating-configmaps": _mutates_data,
    "/custom-resource": _customs,
    "/mutating-custom-resource": _mutates_data,
    "/crd": _definitions,
}


def _conversion(review: Obj) -> Obj:
    request = review["request"]
    response: Obj = {"uid": request["uid"], "result": {"status": "Success"}}
    try:
        response["convertedObjects"] = [
            _converted(obj, request["desiredAPIVersion"]) for obj in request["objects"]
        ]
    except ValueError as error:
        response["result"] = {"status": "Failure", "message": str(error)}
    return {"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": response}


def _converted(obj: Obj, version: str) -> Obj:
    out, before = {**obj, "apiVersion": version}, obj["apiVersion"]
    if (before, version) == ("stable.example.com/v1", "stable.example.com/v2"):
        if "hostPort" in out:
            parts = out.pop("hostPort").split(":")
            if len(parts) != 2:
                raise ValueError(f"invalid hostPort value `{obj['hostPort']}`")
            out["host"], out["port"] = parts
    elif (before, version) == ("stable.example.com/v2", "stable.example.com/v1"):
        if "host" in out or "port" in out:
            out["hostPort"] = f"{out.pop('host', '')}:{out.pop('port', '')}"
    else:
        raise ValueError(f'unexpected conversion version "{version}"')
    return out
