"""A pooler in front of a PostgreSQL, as far as PgBouncer differs at the start of a session: a
parameter that it does not track is refused, or taken and not passed on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

SSL, PROTOCOL = 80877103, 196608
FIRST = struct.Struct("!II")
KNOWN = ("user", "database", "client_encoding", "application_name")


@contextmanager
def pooling(port: int, *, ignores: bool = False) -> Iterator[int]:
    """The port of a pooler; `ignores`: `ignore_startup_parameters = options`."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=_serve, args=(server, port, ignores), daemon=True).start()
        yield server.getsockname()[1]


def _serve(server: socket.socket, port: int, ignores: bool) -> None:
    while True:
        try:
            client = server.accept()[0]
        except OSError:
            return
        Thread(target=_session, args=(client, port, ignores), daemon=True).start()


def _session(client: socket.socket, port: int, ignores: bool) -> None:
    with client:
        length, code = FIRST.unpack(_exactly(client, 8))
        while code != PROTOCOL:  # encryption, which it does not offer
            client.sendall(b"N")
            length, code = FIRST.unpack(_exactly(client, 8))
        words = _exactly(client, length - 8).rstrip(b"\0").split(b"\0")
        given = dict(zip(words[::2], words[1::2], strict=True))
        unknown = [name.decode() for name in given if name.decode() not in KNOWN]
        if unknown and not ignores:
            client.sendall(_error(f"unsupported startup parameter: {unknown[0]}"))
            return
        passed = b"".join(name + b"\0" + text + b"\0" for name, text in given.items()
                          if name.decode() in KNOWN)  # fmt: skip
        with socket.create_connection(("127.0.0.1", port)) as database:
            database.sendall(FIRST.pack(len(passed) + 9, PROTOCOL) + passed + b"\0")
            back = Thread(target=_copy, args=(database, client), daemon=True)
            back.start()
            _copy(client, database)
            back.join()


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return data


def _error(text: str) -> bytes:
    fields = b"".join(kind + said.encode() + b"\0" for kind, said in (
        (b"S", "FATAL"), (b"V", "FATAL"), (b"C", "08P01"), (b"M", text)))  # fmt: skip
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either end is gone
