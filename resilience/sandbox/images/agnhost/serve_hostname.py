"""`agnhost serve-hostname`: the Pod's name over HTTP, raw TCP or UDP.

After SIGTERM it keeps serving for 60 seconds: it waits for the Pod to be removed.
"""

from __future__ import annotations

import signal
import socket
import threading
import time

from resilience.sandbox.images.agnhost.agnhost_main import FlagError, parse
from resilience.sandbox.images.agnhost.golang import Answer, log, serve_in_background
from resilience.sandbox.inside.told import Told

FLAGS = {"tcp": False, "udp": False, "http": True, "close": False, "port": 9376}
LINGER = 60


def serve_hostname(arguments: list[str]) -> int:
    """Serve until killed, or 60 seconds after SIGTERM."""
    flags, _ = parse(arguments, FLAGS)
    raw = flags["tcp"] or flags["udp"]
    if raw and "--http" in arguments:
        raise FlagError("can't serve TCP/UDP mode and HTTP mode at the same time")
    told = Told(signal.SIGTERM)
    if flags["tcp"]:
        _background(_serve_tcp, flags["port"])
    if flags["udp"]:
        _background(_serve_udp, flags["port"])
    if not raw:
        headers = {"Connection": "close"} if flags["close"] else {}
        serve_in_background(flags["port"], lambda _: Answer(socket.gethostname(), headers=headers))
    log(f"Serving on port {flags['port']}.")
    told.wait()
    log("Shutting down after receiving signal: terminated.")
    log("Awaiting pod deletion.")
    time.sleep(LINGER)
    return 0


def _background(serve: object, port: int) -> None:
    threading.Thread(target=serve, args=(port,), daemon=True).start()  # type: ignore[arg-type]


def _serve_tcp(port: int) -> None:
    with socket.create_server(("", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(f"{socket.gethostname()}\n".encode())


def _serve_udp(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("", port))
        while True:
            _, peer = listener.recvfrom(2048)
            listener.sendto(f"{socket.gethostname()}\n".encode(), peer)
