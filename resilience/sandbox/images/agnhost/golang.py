"""Behaviour of Go that users of the real image rely on: durations, log lines, HTTP.

`Handler` answers like Go's net/http: keep-alive, one write per answer, plain text by default.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PAGE = re.compile(
    r"\s*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)"
    r"(?=[ >]|(?<=!--))",
    re.I,
)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def duration(text: str) -> float:
    """Seconds of a Go duration such as "1m30s"; ValueError for anything else."""
    sign, body = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if body == "0":
        return 0.0
    if not body or not re.fullmatch(rf"(?:{_PART.pattern})+", body):
        raise ValueError(f"{text!r} is not a duration")
    return sign * sum(float(number) * UNITS[unit] for number, unit in _PART.findall(body))


def content_type(body: str) -> str:
    """The type that Go's net/http guesses for a text without one (sniff.go)."""
    return f"text/{'html' if _PAGE.match(body) else 'plain'}; charset=utf-8"


def log(message: str) -> None:
    """One line on stderr as Go's `log` writes it."""
    sys.stderr.write(f"{time.strftime('%Y/%m/%d %H:%M:%S')} {message}\n")


def quoted(text: str) -> str:
    """As Go's %q writes a text."""
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; the type of a text that has none is guessed as in Go."""

    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as handlers see it. `form` holds the first value of each query key."""

    method: str
    path: str
    form: dict[str, str]
    headers: dict[str, list[str]]
    peer: str
    """As Go's `RemoteAddr`: "127.20.32.1:51000"."""
    body: str = ""


Route = Callable[[HttpRequest], Answer]


def server(port: int, route: Route) -> ThreadingHTTPServer:
    """A server on all of the Pod's addresses, listening already; run its `serve_forever`."""

    class _Server(ThreadingHTTPServer):
        request_queue_size = 1024
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that disconnects is not an error."""

    class _Handler(Handler):
        answer = staticmethod(route)

    return _Server(("", port), _Handler)


def serve_in_background(port: int, route: Route) -> ThreadingHTTPServer:
    """Listen now, answer from a thread; the main thread stays free for signals."""
    serving = server(port, route)
    threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
    return serving


class Handler(BaseHTTPRequestHandler):
    """Turns every method into a call of `answer`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Route

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        split = urlsplit(self.path)
        pairs = parse_qs(split.query, keep_blank_values=True)
        if self.headers.get_content_type() == "application/x-www-form-urlencoded":
            pairs = {**pairs, **parse_qs(body.decode(errors="replace"), keep_blank_values=True)}
        form = {key: values[0] for key, values in pairs.items()}
        headers: dict[str, list[str]] = {}
        for key, value in self.headers.items():
            headers.setdefault(key.title(), []).append(value)
        peer = f"{self.client_address[0]}:{self.client_address[1]}"
        text = body.decode(errors="replace")
        self._send(
            type(self).answer(HttpRequest(self.command, split.path, form, headers, peer, text))
        )

    def _send(self, answer: Answer) -> None:
        body = answer.body.encode()
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = f"status code {answer.status}"
        headers = {
            "Date": self.date_time_string(),
            "Content-Length": str(len(body)),
            "Content-Type": content_type(answer.body),
            **answer.headers,
        }
        lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        head = f"HTTP/1.1 {answer.status} {phrase}\r\n{lines}\r\n".encode("latin-1", "replace")
        # One write: two would meet Nagle's algorithm and the client's delayed acknowledgement.
        self.wfile.write(head + (b"" if self.command == "HEAD" else body))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _handle

    def log_message(self, format: str, *args: object) -> None:
        """The routes log what the real image logs."""
