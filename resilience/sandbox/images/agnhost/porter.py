"""`agnhost porter`: a text on each port that the environment names.

SERVE_PORT_N and SERVE_TCP_PORT_N are served, SERVE_TLS_PORT_N with the certificate of CERT_FILE and
KEY_FILE; ports of UDP and SCTP are passed over.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import content_type

_TLS = "SERVE_TLS_PORT_"
_PREFIXES = ("SERVE_PORT_", "SERVE_TCP_PORT_", _TLS)


def porter(arguments: list[str]) -> int:
    """Serve until killed."""
    flags, _ = parse(arguments, {"json-response": False})
    for name, text in os.environ.items():
        for prefix in _PREFIXES:
            if name.startswith(prefix) and name.removeprefix(prefix).isdigit():
                port = int(name.removeprefix(prefix))
                handler = _handler(text, as_json=flags["json-response"])
                server = ThreadingHTTPServer(("", port), handler)
                if prefix == _TLS:
                    _secure(server)
                threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()
    return 0


def _secure(server: ThreadingHTTPServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        os.environ.get("CERT_FILE", "/localhost.crt"), os.environ.get("KEY_FILE", "/localhost.key")
    )
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )


def _handler(text: str, *, as_json: bool) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = text
            if as_json:
                body = json.dumps({"Method": self.command, "Body": text})
            data = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if as_json else content_type(text))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _handle

        def log_message(self, format: str, *args: Any) -> None:
            print(format % args, flush=True)

    return Handler
