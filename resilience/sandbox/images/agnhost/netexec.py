"""`agnhost netexec`: the HTTP and UDP server most scenarios use as their service.

`/healthz` and `/readyz` answer 412 until the UDP server has started; from SIGTERM on `/readyz`
answers 503 while everything else continues for `--delay-shutdown` seconds, then it exits with 0.
`/shell` and `/upload` are refused: they would act on the host itself, not in a container.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import threading
import time
from datetime import datetime
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from resilience.sandbox.images.agnhost import dial
from resilience.sandbox.images.agnhost.agnhost_main import FlagError, parse
from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest, duration, log, server
from resilience.sandbox.inside.told import Told

FLAGS = {
    "http-port": 8080,
    "tls-cert-file": "",
    "tls-private-key-file": "",
    "udp-port": 8081,
    "sctp-port": -1,
    "http-override": "",
    "udp-listen-addresses": "",
    "delay-shutdown": 0,
}
LARGEST_DATAGRAM = 2048


def netexec(arguments: list[str]) -> int:
    """Serve until SIGTERM or `/exit`."""
    flags, _ = parse(arguments, FLAGS)
    if flags["sctp-port"] != -1:
        raise FlagError("the sandbox has no SCTP: leave --sctp-port at -1")
    return NetExec(**{name.replace("-", "_"): value for name, value in flags.items()}).run()


class NetExec:
    """One server; the two health paths report its state."""

    def __init__(
        self,
        *,
        http_port: int,
        udp_port: int,
        delay_shutdown: int,
        http_override: str,
        tls_cert_file: str,
        tls_private_key_file: str,
        udp_listen_addresses: str,
        sctp_port: int,
    ) -> None:
        self._http_port = http_port
        self._udp_port = udp_port
        self._udp_addresses = [word for word in udp_listen_addresses.split(",") if word]
        self._delay = delay_shutdown
        self._override = http_override
        self._tls = (tls_cert_file, tls_private_key_file)
        self._terminating = Told(signal.SIGTERM)
        self._ready = False
        self._routes = {
            "/clientip": lambda request: Answer(request.peer),
            "/header": _header,
            "/dial": dial.answer,
            "/echo": _echo,
            "/exit": self._exit,
            "/healthz": lambda _: Answer(status=200 if self._ready else 412),
            "/readyz": self._readyz,
            "/hostname": lambda _: Answer(socket.gethostname()),
            "/hostName": lambda _: Answer(socket.gethostname()),
            "/redirect": _redirect,
            "/shutdown": lambda _: os._exit(0),
            "/shell": _refused,
            "/upload": _refused,
        }

    def run(self) -> int:
        """Answer until stopped; never returns before."""
        if self._udp_port != -1:
            for address in self._udp_addresses or [""]:
                self._serve_udp(address)
        self._server = self._serve_http()
        self._terminating.wait()
        if self._delay > 0:
            log(f"Sleeping {self._delay} seconds before terminating...")
            time.sleep(self._delay)
        os._exit(0)

    def _serve_http(self) -> ThreadingHTTPServer:
        serving = server(self._http_port, self._answer)
        if self._tls[0]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls[0], self._tls[1] or None)
            serving.socket = context.wrap_socket(
                serving.socket, server_side=True, do_handshake_on_connect=False
            )
        log(f"Started HTTP server on port {self._http_port}")
        threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
        return serving

    def _answer(self, request: HttpRequest) -> Answer:
        if self._override:
            split = urlsplit(self._override)
            form = {key: values[0] for key, values in parse_qs(split.query).items()}
            request = HttpRequest("GET", split.path, form, request.headers, request.peer)
        route = self._routes.get(request.path)
        if route is None:
            log("GET /")
            return Answer(f"NOW: {datetime.now().astimezone()}")
        log(f"GET {request.path}{_logged(request)}")
        return route(request)

    def _readyz(self, _: HttpRequest) -> Answer:
        if self._terminating.is_set:
            return Answer("shutting down", 503)
        return Answer("ok") if self._ready else Answer(status=412)

    def _exit(self, request: HttpRequest) -> Answer:
        try:
            timeout = duration(request.form.get("timeout") or "0")
            wait = duration(request.form.get("wait") or "0")
            code = int(request.form.get("code") or 0)
        except ValueError as error:
            return Answer(f"argument 'code', 'timeout' or 'wait' is invalid: {error}\n")
        log(
            f"Will begin shutdown in {wait}s, allowing {timeout}s for connections to close,"
            f" then will exit with {code}"
        )
        time.sleep(wait)
        if timeout:
            self._server.socket.close()
            time.sleep(timeout)
        os._exit(code)

    def _serve_udp(self, address: str) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((address, self._udp_port))
        log(f"Started UDP server on port {address} {self._udp_port}")
        self._ready = True
        threading.Thread(target=_answer_datagrams, args=(listener,), daemon=True).start()


def _answer_datagrams(listener: socket.socket) -> None:
    while True:
        data, peer = listener.recvfrom(LARGEST_DATAGRAM)
        text = data.decode(errors="replace").strip()
        log(f"Received {text!r} from {peer[0]}:{peer[1]}")
        command, _, rest = text.partition(" ")
        if command.lower() == "hostname":
            answer = socket.gethostname()
        elif command == "echo":
            answer = rest
        elif command == "clientip":
            answer = f"{peer[0]}:{peer[1]}"
        else:
            continue
        listener.sendto(answer.encode(), peer)


_LOGGED = {
    "/dial": ("host", "protocol", "port", "request", "tries"),
    "/echo": ("msg", "code"),
    "/exit": ("code", "timeout", "wait"),
    "/header": ("key",),
}
"""Which parameters the real server writes to its log, by path."""


def _logged(request: HttpRequest) -> str:
    names = _LOGGED.get(request.path, ())
    if request.path == "/header" and not request.form.get("key"):
        return ""
    pairs = "&".join(f"{name}={request.form.get(name, '')}" for name in names)
    return f"?{pairs}" if pairs else ""


def _header(request: HttpRequest) -> Answer:
    key = request.form.get("key")
    if key:
        return Answer(next(iter(request.headers.get(key.title(), [])), ""))
    return Answer(json.dumps(request.headers, separators=(",", ":")))


def _echo(request: HttpRequest) -> Answer:
    code = request.form.get("code", "")
    if code and not code.isdigit():
        return Answer(f"argument 'code' must be an integer or empty, got {json.dumps(code)}\n")
    return Answer(request.form.get("msg", ""), int(code or 200))


def _redirect(request: HttpRequest) -> Answer:
    code = request.form.get("code", "")
    if code and not code.isdigit():
        return Answer(f"argument 'code' must be an integer or empty, got {json.dumps(code)}\n")
    return Answer(status=int(code or 302), headers={"Location": request.form.get("location", "")})


def _refused(request: HttpRequest) -> Answer:
    return Answer(f"{request.path} is not served in the sandbox: it has no containers\n", 403)
