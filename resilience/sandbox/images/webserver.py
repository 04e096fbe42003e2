"""nginx and httpd, as far as manifests need them: a page on port 80, and files from a directory.

Serves GET and HEAD of files below the document root, `index.html` for directories, and writes an
access log to stdout. nginx reads the port and root of `server` blocks in mounted configuration;
everything else in either's configuration is ignored.
"""

from __future__ import annotations

import http.server
import os
import re
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from resilience.sandbox.inside.told import Told

_LISTING = b"<pre>\n</pre>\n"
"""What agnhost answers for the root directory, which it does not list."""
_ROOTS = {"nginx": "/usr/share/nginx/html", "httpd": "/usr/local/apache2/htdocs"}
_SERVERS = {"nginx": "nginx/1.27", "httpd": "Apache/2.4 (Unix)", "agnhost": "agnhost"}
_CONFIGURATIONS = ("/etc/nginx/conf.d", "/etc/nginx")


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = "nginx"

    def version_string(self) -> str:
        return _SERVERS[self.kind]

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        status = code.value if isinstance(code, http.HTTPStatus) else code
        print(f'{self.client_address[0]} - - "{self.requestline}" {status}', flush=True)

    def log_error(self, format: str, *args: Any) -> None:
        print(format % args, file=sys.stderr, flush=True)

    def list_directory(self, path: Any) -> None:
        self.send_error(403)

    def send_head(self) -> Any:
        page = os.path.join(self.directory, "index.html")
        if self.kind == "agnhost" and urlsplit(self.path).path == "/" and not os.path.exists(page):
            return self._listed()
        return super().send_head()

    def _listed(self) -> Any:
        import io

        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(_LISTING)))
        self.end_headers()
        return io.BytesIO(_LISTING)

    def translate_path(self, path: str) -> str:
        parts = [part for part in unquote(urlsplit(path).path).split("/") if part not in ("", "..")]
        return os.path.join(self.directory, *parts)


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = socket.gethostname(), self.server_address[1]


def nginx(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGQUIT; `-v` and `-t` only answer."""
    if "-v" in argv:
        print("nginx version: nginx/1.27 (the sandbox's own)", file=sys.stderr)
        return 0
    found = _sites()
    if "-t" in argv:
        print("nginx: configuration file /etc/nginx/nginx.conf test is successful", file=sys.stderr)
        return 0
    return serve("nginx", found or [(80, _ROOTS["nginx"])])


def httpd(argv: list[str]) -> int:
    """Serve until SIGTERM; `-v` only answers."""
    if "-v" in argv:
        print("Server version: Apache/2.4 (the sandbox's own)")
        return 0
    return serve("httpd", [(80, _ROOTS["httpd"])])


def test_webserver(argv: list[str]) -> int:
    """Serve every file of the container on port 80."""
    return serve("agnhost", [(80, "/")])


def _sites() -> list[tuple[int, str]]:
    """Port and root of every `server` block of the mounted configuration."""
    texts = []
    for directory in _CONFIGURATIONS:
        for path in sorted(Path(directory).glob("*.conf")) if os.path.isdir(directory) else ():
            texts.append(path.read_text(errors="replace"))
    found = []
    for block in re.split(r"\bserver\s*\{", "\n".join(texts))[1:]:
        port = re.search(r"\blisten\s+(?:[\d.]+:)?(\d+)", block)
        root = re.search(r"\broot\s+([^;\s]+)", block)
        found.append((int(port[1]) if port else 80, root[1] if root else _ROOTS["nginx"]))
    return sorted(dict(found).items())


def serve(kind: str, sites: list[tuple[int, str]]) -> int:
    """Serve sites, by port and root, until a signal ends it."""
    done = Told(signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGWINCH)
    servers = []
    for port, root in sites:
        handler = type("Handler", (_Handler,), {"kind": kind})
        try:
            server = _Server(("0.0.0.0", port), _bound(handler, root))
        except OSError as error:
            print(f"{kind}: bind() to 0.0.0.0:{port} failed ({error.strerror})", file=sys.stderr)
            return 1
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
    done.wait()
    for server in servers:
        server.shutdown()
    return 0


def _bound(handler: type, root: str) -> Any:
    def make(*args: Any) -> Any:
        return handler(*args, directory=root)

    return make
