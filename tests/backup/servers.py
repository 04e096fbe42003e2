"""Local S3 for the tests: moto for semantics, rclone for bytes, and a proxy that breaks things.

Each is started on a free loopback port and stopped by its context manager.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secretsecret"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.02)
    raise RuntimeError("the server does not answer")


@contextmanager
def running(command: list[str], port: int) -> Iterator[str]:
    environment = {**os.environ, **KEYS}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _until_it_answers(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def moto() -> Iterator[str]:
    """moto's server; yields its endpoint."""
    port = free_port()
    command = str(Path(sys.executable).with_name("moto_server"))
    with running([command, "-H", "127.0.0.1", "-p", str(port)], port) as endpoint:
        yield endpoint


@contextmanager
def rclone(directory: Path) -> Iterator[str]:
    """`rclone serve s3` over a directory; buckets are its folders."""
    port = free_port()
    beside = Path(sys.executable).with_name("rclone")
    command = str(beside) if beside.exists() else shutil.which("rclone") or "rclone"
    auth = f"{KEYS['AWS_ACCESS_KEY_ID']},{KEYS['AWS_SECRET_ACCESS_KEY']}"
    arguments = [
        command,
        "serve",
        "s3",
        "--addr",
        f"127.0.0.1:{port}",
        "--auth-key",
        auth,
        "--config",
        os.devnull,
        str(directory),
    ]
    with running(arguments, port) as endpoint:
        yield endpoint


Fault = Callable[[str, str, int], str]
"""(method, path, number of the request from 1) -> "", "503", "cut", "lost", "stall" (no answer for
as long as the client waits), or "STATUS Code" for one of S3's own errors."""


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    fault: Fault
    upstream: str
    count = 0
    lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def _serve(self) -> None:
        with self.server.lock:
            self.server.count += 1
            number = self.server.count
        body = self._body()
        fault = self.server.fault(self.command, self.path, number)
        if fault == "503":
            self._answer(503, {}, b"<Error><Code>SlowDown</Code><Message>slow</Message></Error>")
            return
        if " " in fault:
            status, _, code = fault.partition(" ")
            text = f"<Error><Code>{code}</Code><Message>as told</Message></Error>"
            self._answer(int(status), {}, text.encode())
            return
        if fault == "stall":
            self.connection.settimeout(30)
            self.close_connection = True
            with suppress(OSError):
                self.connection.recv(1)  # until the client has had enough
            return
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if fault == "lost":  # carried out, but nobody hears of it
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(answer.status, dict(answer.getheaders()), data, cut=fault == "cut")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        del self.headers["Transfer-Encoding"]
        body = b"".join(parts)
        self.headers["Content-Length"] = str(len(body))
        return body

    def _answer(
        self, status: int, headers: dict[str, Any], data: bytes, *, cut: bool = False
    ) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length", str(len(data)))
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def fault_proxy(endpoint: str, fault: Fault) -> Iterator[str]:
    """A proxy before `endpoint` that does to each request what `fault` says."""
    server = _Proxy(("127.0.0.1", 0), _Handler)
    server.fault, server.upstream = fault, endpoint.removeprefix("http://")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
