"""`agnhost nettest`: counts who has written to it.

`/write` notes a source, `/read` shows everything, `/status` says pass or running, `/quit` ends it.
Unlike the real one it does not call the other Pods of its Service by itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import Counter

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest, log, serve_in_background
from resilience.sandbox.inside.told import Told

FLAGS = {
    "port": 8080,
    "peers": 8,
    "service": "nettest",
    "namespace": "default",
    "delay-shutdown": 0,
}


def nettest(arguments: list[str]) -> int:
    """Serve until killed."""
    flags, _ = parse(arguments, FLAGS)
    tester = Tester(socket.gethostname(), peers=flags["peers"])

    delay = flags["delay-shutdown"]
    told = Told(signal.SIGTERM) if delay > 0 else None
    serve_in_background(flags["port"], tester.answer)
    if told is None:
        tester.over.wait()
        return 0
    threading.Thread(target=tester.quits, daemon=True).start()
    told.wait()
    log(f"Sleeping {delay} seconds before exit ...")
    time.sleep(delay)
    return 0


class Tester:
    """What one server has seen."""

    def __init__(self, hostname: str, peers: int) -> None:
        self._hostname = hostname
        self._peers = peers
        self._received: Counter[str] = Counter()
        self._errors: list[str] = []
        self.over = threading.Event()

    def quits(self) -> None:
        """End the process once a request asked for that."""
        self.over.wait()
        os._exit(0)

    def answer(self, request: HttpRequest) -> Answer:
        """Answer one request."""
        if request.path == "/write":
            return self._write(request.body)
        if request.path == "/read":
            return Answer(json.dumps(self._state(), indent="\t"))
        if request.path == "/status":
            return Answer("pass" if len(self._received) >= self._peers > 0 else "running")
        if request.path == "/quit":
            self.over.set()
            return Answer()
        return Answer("404 page not found\n", 404)

    def _write(self, body: str) -> Answer:
        try:
            source = str(json.loads(body).get("Source") or "")
        except (ValueError, AttributeError) as error:
            self._errors.append(str(error))
            source = ""
        if source:
            self._received[source] += 1
        else:
            self._errors.append(f"{self._hostname}: Got request with no source")
        return Answer(json.dumps({"Hostname": self._hostname}, separators=(",", ":")) + "\n")

    def _state(self) -> dict[str, object]:
        return {
            "Hostname": self._hostname,
            "Sent": None,
            "Received": dict(self._received) or None,
            "Errors": self._errors or None,
            "Log": None,
            "StillContactingPeers": True,
        }
