"""Random requests of every kind, well-formed and not, and what must be true of the server after.

`python -m tests.sandbox.apiserver.http.storm SECONDS [SEED]` runs it for long and then sends a
million small requests; the tests run both shortly. A request is drawn from a grammar, so that
most get past the parser and some past validation; then a few of its bytes may be spoilt, and the
connection may be treated badly. Whatever comes back must not be the 500 that says
"see the server's log".
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

from tests.sandbox.apiserver import vocabulary as words
from tests.sandbox.apiserver.live import ADMIN, Live, server
from tests.sandbox.apiserver.wire import Wire

BUG = b"see the server's log"


class Storm:
    """Requests by `seed`; `statuses` counts what came back, "" for a connection just closed."""

    def __init__(self, live: Live, seed: int) -> None:
        self._live = live
        self._random = random.Random(seed)
        self.statuses: Counter[str] = Counter()
        self.bugs: list[tuple[bytes, bytes]] = []

    def once(self) -> None:
        """One connection with one to three requests on it, answered or not."""
        data = b"".join(self._request() for _ in range(self._random.choice((1, 1, 1, 1, 2, 3))))
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(0.25)
        try:
            client.connect(str(self._live.config.api_socket))
            self._send(client, data)
        except OSError:
            self.statuses["cut"] += 1
        finally:
            client.close()

    def _send(self, client: socket.socket, data: bytes) -> None:
        manner = self._random.random()
        if manner < 0.05:
            client.sendall(data[: self._random.randrange(len(data) + 1)])
            return
        client.sendall(data)
        if manner < 0.1:
            return
        if manner < 0.2:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer and (more := client.recv(1 << 16)):
            answer += more
        status = answer[9:12].decode("latin-1")
        self.statuses[status] += 1
        if status == "500" and BUG not in answer:
            try:
                answer += client.recv(1 << 16)
            except TimeoutError:
                pass
        if BUG in answer:
            self.bugs.append((data[:2000], answer[:300]))

    def _request(self) -> bytes:
        choose, sample = self._random.choice, self._random.sample
        path, base = self._target()
        asked = sample(words.QUERIES, choose((0, 0, 0, 0, 1, 2, 4)))
        query = "&".join(f"{name}={quote(choose(words.VALUES), safe='%')}" for name in asked)
        url = f"{path}?{query}" if query else path
        body = self._body(base)
        head = [f"{choose(words.METHODS)} {url} HTTP/1.{choose('1111110')}"]
        head += ["Host: x", f"Authorization: Bearer {ADMIN}", f"Accept: {choose(words.ACCEPT)}"]
        head += [f"Content-Type: {choose(words.MEDIA)}"]
        head += sample(words.HEADERS, choose((0,) * 10 + (1, 2)))
        if self._random.random() < 0.1:
            head += ["Transfer-Encoding: chunked"]
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        else:
            head += [f"Content-Length: {len(body)}"]
        data = "\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body
        return self._spoilt(data) if self._random.random() < 0.05 else data

    def _target(self) -> tuple[str, Any]:
        choose = self._random.choice
        if self._random.random() < 0.1:
            return choose(words.PATHS), {}
        path, plural, base = choose(words.KINDS)
        if self._random.random() < 0.75:
            path += "/namespaces/" + choose(("default",) * 6 + ("kube-system", "x"))
        path += "/" + plural
        if self._random.random() < 0.6:
            name = base.get("metadata", {}).get("name", "x")
            path += "/" + choose((name,) * 8 + ("other", words.UMLAUT))
            sub = choose(words.SUBRESOURCES)
            path += f"/{sub}" if sub else ""
        return path, base

    def _body(self, base: Any) -> bytes:
        choose, kind = self._random.choice, self._random.random()
        if kind < 0.1:
            return self._random.randbytes(self._random.randrange(40))
        if kind < 0.15:
            return choose(words.ODD_BODIES)
        if kind < 0.25:
            value = choose(words.SCALARS)
            patch = {"op": choose(words.OPERATIONS), "path": choose(words.POINTERS), "value": value}
            return json.dumps([patch | {"from": choose(words.POINTERS)}]).encode()
        body = copied(base)
        for _ in range(choose((0, 0, 1, 1, 2, 3))):
            self._bend(body)
        return json.dumps(body).encode()

    def _bend(self, body: Any) -> None:
        """Put something else somewhere."""
        while isinstance(body, dict | list) and body:
            keys: list[Any] = list(body) if isinstance(body, dict) else list(range(len(body)))
            key, value = self._random.choice(keys), copied(self._random.choice(words.SCALARS))
            if self._random.random() < 0.35 or not isinstance(body[key], dict | list):
                body[key] = value
                return
            if isinstance(body[key], dict) and self._random.random() < 0.2:
                body[key][self._random.choice(words.FIELDS)] = value
                return
            body = body[key]

    def _spoilt(self, data: bytes) -> bytes:
        out = bytearray(data)
        for _ in range(self._random.choice((1, 2, 8))):
            out[self._random.randrange(len(out))] = self._random.randrange(256)
        return bytes(out)


def copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def flood(live: Live, total: int, *, at_once: int = 50) -> float:
    """So many small requests, pipelined on one connection; seconds it took."""
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\n"
    paths = ("/healthz", "/api/v1/namespaces/default/configmaps/none", "/version", "/nothing")
    batch = "".join(f"GET {paths[at % 4]} {head}\r\n" for at in range(at_once)).encode()
    began, answered = time.monotonic(), 0
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(live.config.api_socket))
        while answered < total:
            client.sendall(batch)
            due, rest = answered + at_once, b""
            while answered < due:
                data = client.recv(1 << 18)
                if not data:
                    raise ConnectionError(f"closed after {answered} answers")
                rest += data
                answered += rest.count(b"HTTP/1.1 ")
                rest = rest[-8:]
    return time.monotonic() - began


def held(live: Live) -> dict[str, int]:
    """What the server's process holds: descriptors and resident MiB."""
    with open(f"/proc/{live.pid}/statm") as file:
        pages = int(file.read().split()[1])
    return {
        "descriptors": len(os.listdir(f"/proc/{live.pid}/fd")),
        "MiB": pages * os.sysconf("SC_PAGE_SIZE") >> 20,
    }


def main(seconds: float, seed: int) -> None:
    """The long form; prints what it found."""
    with server() as live:
        storm, before = Storm(live, seed), held(live)
        end, next_look = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            storm.once()
            if time.monotonic() > next_look:
                next_look = time.monotonic() + 15
                print(f"{storm.statuses.total():,} connections, held {held(live)}", flush=True)
        print(dict(storm.statuses.most_common()))
        for sent, answer in storm.bugs[:40]:
            print("BUG", sent, answer)
        took = flood(live, 1_000_000)
        print(f"a million small requests in {took:.0f} s; held {before} before, {held(live)} after")
        with Wire.to(live) as wire:
            print("alive:", wire("GET", "/healthz").status == 200, "bugs:", len(storm.bugs))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
