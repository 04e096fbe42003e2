"""`agnhost guestbook`: a key-value store of one primary, which pushes every change to its replicas.

A replica registers with the primary and copies its store. `/guestbook` forwards `set` to the
Service agnhost-primary and `get` to agnhost-replica.
"""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlencode

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest, log, serve_in_background

FLAGS = {"http-port": "80", "backend-port": "6379", "replicaof": ""}
_REGISTRATION = 15.0
_CALL = 5.0


def guestbook(arguments: list[str]) -> int:
    """Serve until killed; 1 if the primary cannot be reached in 15 seconds."""
    flags, _ = parse(arguments, FLAGS)
    book = Book(flags["backend-port"])
    serve_in_background(int(flags["http-port"]), book.answer)
    if flags["replicaof"] and not book.register(flags["replicaof"]):
        log("Timed out while registering to primary.")
        return 1
    threading.Event().wait()
    return 0


class Book:
    """The store of one node, and the replicas that follow it."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._store: dict[str, str] = {}
        self._replicas: list[str] = []

    def answer(self, request: HttpRequest) -> Answer:
        """Answer one request."""
        routes = {
            "/register": self._registered,
            "/get": self._get,
            "/set": self._set,
            "/guestbook": self._guestbook,
        }
        route = routes.get(request.path)
        return Answer("404 page not found\n", 404) if route is None else route(request)

    def register(self, primary: str) -> bool:
        """Follow a primary, and copy its store."""
        deadline = time.monotonic() + _REGISTRATION
        while time.monotonic() < deadline:
            try:
                own = _own_address(primary, int(self._port))
                text = self._ask(primary, "register", host=own)
            except OSError as error:
                log(f"encountered error while registering to primary: {error}. Retrying in 1s.")
                time.sleep(1)
                continue
            self._store = json.loads(text)["data"]
            log(f"Registered to node: {primary}")
            return True
        return False

    def _registered(self, request: HttpRequest) -> Answer:
        host = request.form.get("host", "")
        log(f"GET /register?host={host}")
        self._replicas.append(host)
        log(f"Node '{host}' registered.")
        return _data(self._store)

    def _get(self, request: HttpRequest) -> Answer:
        key = request.form.get("key", "")
        log(f"GET /get?key={key}")
        return _data(self._store.get(key, "") if key else self._store)

    def _set(self, request: HttpRequest) -> Answer:
        key, value = request.form.get("key", ""), request.form.get("value", "")
        log(f"GET /set?key={key}&value={value}")
        if not key:
            return Answer("cannot set with empty key.\n", 400)
        self._store[key] = value
        for replica in self._replicas:
            try:
                self._ask(replica, "set", key=key, value=value)
            except OSError as error:
                why = f"encountered error while propagating to replica '{replica}': {error}\n"
                return Answer(why, 417)
        return Answer('{"message":"Updated"}')

    def _guestbook(self, request: HttpRequest) -> Answer:
        command = request.form.get("cmd", "").lower()
        key, value = request.form.get("key", ""), request.form.get("value", "")
        log(f"GET /guestbook?cmd={command}&key={key}&value={value}")
        if command not in ("get", "set"):
            return Answer(f"unsupported cmd: '{command}'\n", 400)
        if command == "set" and not key:
            return Answer("cannot set with empty key.\n", 400)
        host = "agnhost-replica" if command == "get" else "agnhost-primary"
        try:
            return Answer(self._ask(host, command, key=key, value=value))
        except OSError as error:
            return Answer(f"encountered error: {error}\n", 417)

    def _ask(self, node: str, what: str, **form: str) -> str:
        url = f"http://{node}:{self._port}/{what}?{urlencode(form)}"
        try:
            with urllib.request.urlopen(url, timeout=_CALL) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return error.read().decode()  # sent as a normal answer, as in the real image


def _data(value: object) -> Answer:
    return Answer(json.dumps({"data": value}, separators=(",", ":"), ensure_ascii=False))


def _own_address(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect((host, port))
        return str(asked.getsockname()[0])
