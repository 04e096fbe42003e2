"""Logs over a WebSocket, as clients in browsers read them."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
import yaml

from tests.sandbox.running import Pods, wait_for

TEXT, BINARY, CLOSE = 0x81, 0x82, 0x88
SAYS = "print('alive', flush=True); import time; time.sleep(600)"


def asked(pods: Pods, protocol: str, query: str = "") -> tuple[bytes, bytes]:
    """The head of the answer, and everything after it."""
    config = yaml.safe_load(Path(pods.sandbox.ready["kubeconfig"]).read_text())
    where = urlsplit(config["clusters"][0]["cluster"]["server"])
    lines = [
        f"GET /api/v1/namespaces/{pods.namespace}/pods/talker/log{query} HTTP/1.1",
        "Host: sandbox",
        f"Authorization: Bearer {config['users'][0]['user']['token']}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
    ]
    unverified = ssl._create_unverified_context()
    with (
        socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as plain,
        unverified.wrap_socket(plain) as client,
        client.makefile("rb") as answer,
    ):
        client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = b"".join(iter(answer.readline, b"\r\n"))
        if b" 101 " not in head:
            return head, b""
        frames = b"".join(_frames(answer))
        client.sendall(bytes((0x88, 0x80, 0, 0, 0, 0)))
        return head, frames


def _frames(answer: BinaryIO) -> Iterator[bytes]:
    """The kind of each short frame, and its content, until the server closes."""
    while True:
        kind, size = answer.read(2)
        if kind == CLOSE:
            answer.read(size)
            return
        yield bytes([kind]) + answer.read(size)


@pytest.fixture
def talker(pods: Pods) -> Pods:
    """A Pod that has said one line."""
    pods.run("talker", SAYS)
    pods.until_ready("talker")
    wait_for(lambda: pods.logs("talker"), "a line in the log")
    return pods


@pytest.mark.parametrize(
    ("protocol", "wanted"),
    [
        ("", bytes([BINARY]) + b"alive\n"),
        ("binary.k8s.io", bytes([BINARY]) + b"alive\n"),
        ("base64.binary.k8s.io", bytes([TEXT]) + base64.b64encode(b"alive\n")),
    ],
)
def test_a_log_over_a_websocket(talker: Pods, protocol: str, wanted: bytes) -> None:
    head, frames = asked(talker, protocol)
    assert frames == wanted
    assert (f"Sec-WebSocket-Protocol: {protocol}".encode() in head) is bool(protocol)


def test_a_log_that_is_refused_is_no_websocket(talker: Pods) -> None:
    head, _ = asked(talker, "", "?container=nothing")
    assert head.startswith(b"HTTP/1.1 400 ")
