"""Commands in containers: the protocol against a scripted server, the whole against the sandbox."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.cluster import connect, errors
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.connection.container_exec import _gathered
from resilience.cluster.connection.websocket import MAGIC, _frame, _take_frame
from resilience.cluster.interface import PODS
from resilience.cluster.requests.command import Cancelled, Command, Result
from resilience.cluster.transport import HttpCluster
from tests.cluster.faulty import Asked, FaultyServer, Line, reply, status

PATH = "GET /api/v1/namespaces/shop/pods/a/exec"

SUCCESS = b"\x03" + json.dumps({"status": "Success"}).encode()


def frame(payload: bytes, opcode: int = 2, *, final: bool = True) -> bytes:
    """As a server sends it: not masked."""
    size = len(payload)
    head = bytes(((0x80 if final else 0) | opcode,))
    return head + (bytes((size,)) if size < 126 else b"\x7e" + struct.pack(">H", size)) + payload


def speaks(*pieces: bytes, protocol: str = "v5.channel.k8s.io") -> Callable[[Asked, Line], None]:
    """Shake hands, send the pieces, close."""

    def behave(asked: Asked, line: Line) -> None:
        key = asked.headers["sec-websocket-key"].encode()
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest()).decode()
        line.send(
            f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
            + b"".join(pieces)
        )
        line.close()

    return behave


def run(
    cluster: HttpCluster,
    words: Sequence[str] = ("echo", "a b"),
    *,
    pod: str = "a",
    namespace: str = "shop",
    cancelled: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Result:
    command = Command(namespace=namespace, pod=pod, words=tuple(words), **options)
    return cluster.exec(command, cancelled=cancelled)


def test_what_is_asked_names_command_container_and_streams(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(PATH, speaks(frame(SUCCESS), frame(b"", 8)))
    assert run(cluster, container="web") == Result(0, b"", b"")
    asked = server.asked[0]
    assert asked.query == {"command": "a b", "container": "web", "stdout": "true", "stderr": "true"}
    assert asked.headers["sec-websocket-protocol"] == "v5.channel.k8s.io, v4.channel.k8s.io"
    assert asked.headers["authorization"] == "Bearer t0k3n"


def test_streams_are_kept_apart_and_put_together_from_fragments(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(
        PATH,
        speaks(
            frame(b"\x01one "),
            frame(b"\x02err", final=False),
            frame(b"ing", 9),
            frame(b"or", 0),
            frame(b"\x01" + b"x" * 300),
            frame(SUCCESS),
            frame(b"", 8),
        ),
    )
    assert run(cluster) == Result(0, b"one " + b"x" * 300, b"error")


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 7]), st.binary(max_size=3))))
def test_output_that_arrives_together_is_one_piece_and_nothing_changes_its_place(
    sent: list[tuple[int, bytes]],
) -> None:
    found = list(_gathered([bytes((channel,)) + data for channel, data in sent]))
    alone = [(channel, bytes((byte,))) for channel, data in found for byte in data]
    assert alone == [(channel, bytes((byte,))) for channel, data in sent for byte in data]
    for (channel, _), (following, _) in pairwise(found):
        assert channel != following or channel not in (1, 2)
    # A status is parsed as it was sent.
    assert [each for each in found if each[0] == 3] == [each for each in sent if each[0] == 3]


def test_a_message_without_a_channel_is_no_output() -> None:
    assert list(_gathered([b"", b"\x01a", b"", b"\x01b"])) == [(1, b"ab")]


def test_an_exit_code_is_the_commands_own(server: FaultyServer, cluster: HttpCluster) -> None:
    failed = status(
        500,
        "NonZeroExitCode",
        "command terminated with exit code 7",
        causes=[{"reason": "ExitCode", "message": "7"}],
    )
    server.on(PATH, speaks(frame(b"\x03" + json.dumps(failed).encode()), frame(b"", 8)))
    assert run(cluster).code == 7


def test_another_failure_is_an_error_in_the_servers_words(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    failed = status(500, "InternalError", "container not found")
    server.on(PATH, speaks(frame(b"\x03" + json.dumps(failed).encode())))
    with pytest.raises(errors.ServerTrouble, match="EXEC shop/a echo a b: container not found"):
        run(cluster)


@pytest.mark.parametrize(
    "pieces", [(), (frame(b"\x01half"),), (frame(b"\x01half"), frame(b"", 8)), (b"\x82\x7e\x00",)]
)
def test_a_stream_that_ends_without_a_status_is_never_a_success(
    server: FaultyServer, cluster: HttpCluster, pieces: tuple[bytes, ...]
) -> None:
    server.on(PATH, speaks(*pieces))
    with pytest.raises(errors.Unreachable, match="ended without an exit status"):
        run(cluster)


def test_a_refused_handshake_is_the_error_of_its_status(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(PATH, reply(status(403, "Forbidden", "cannot create pods/exec " + "x" * 9000), 403))
    with pytest.raises(errors.Forbidden, match="cannot create pods/exec"):
        run(cluster)
    server.on(PATH, reply(b"<html>no upgrade here</html>", 400))
    with pytest.raises(errors.Invalid, match="no upgrade here"):
        run(cluster)


def test_a_wrong_handshake_is_unreachable(server: FaultyServer, cluster: HttpCluster) -> None:
    server.on(PATH, lambda asked, line: line.send(b"HTTP/1.1 101 x\r\n\r\n"))
    with pytest.raises(errors.Unreachable, match="handshake is wrong"):
        run(cluster)


def test_stdin_is_refused_where_its_end_cannot_be_said(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    server.on(PATH, speaks(frame(SUCCESS), protocol="v4.channel.k8s.io"))
    with pytest.raises(errors.Invalid, match="cannot end stdin"):
        run(cluster, stdin=[b"x"])


def test_a_command_that_never_ends_is_given_up_at_its_timeout_or_when_cancelled(
    server: FaultyServer, cluster: HttpCluster
) -> None:
    def silent(asked: Asked, line: Line) -> None:
        try:
            speaks()(asked, line)
        except ConnectionAbortedError:
            line.connection.recv(1)  # until the client leaves

    server.on(PATH, silent)
    with pytest.raises(errors.Unreachable, match=r"not done after 0\.05 s"):
        run(cluster, timeout=0.05)
    with pytest.raises(Cancelled):
        run(cluster, cancelled=lambda: True)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_frames_of_every_size_are_read_back(size: int) -> None:
    payload = bytes(range(256)) * (size // 256 + 1)
    data = bytearray(_frame(2, payload[:size], b"\x01\x02\x03\x04"))
    whole = bytes(data)
    assert _take_frame(bytearray(whole[:-1])) is None
    assert _take_frame(data) == (2, True, payload[:size])
    assert not data


# What follows runs on the sandbox.


@pytest.fixture(scope="module")
def embedded() -> Iterator[HttpCluster]:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "image": "python:3.12",
                    "command": ["python", "-c", "import threading; threading.Event().wait()"],
                }
            ]
        },
    }
    with sandbox(nodes=1) as running, connect(running.access) as cluster:
        cluster.create(PODS, pod, "default")
        with cluster.view(PODS, "default") as pods:
            assert pods.wait(lambda found: bool(found) and _runs(found[0]), 30)
        yield cluster


def _runs(pod: dict[str, Any]) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Running")


def python(cluster: HttpCluster, program: str, **options: Any) -> Result:
    return run(cluster, ["python", "-c", program], pod="p", namespace="default", **options)


def test_a_command_runs_and_its_exit_code_and_streams_come_back(embedded: HttpCluster) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    assert python(embedded, program) == Result(3, b"out\n", b"err\n")


def test_megabytes_go_in_and_out_unchanged(embedded: HttpCluster) -> None:
    program = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
    data = bytes(range(256)) * 12_000
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    assert python(embedded, program, stdin=pieces).stdout == data[::-1]


def test_an_empty_stdin_ends_at_once(embedded: HttpCluster) -> None:
    assert (
        python(embedded, "import sys; print(sys.stdin.read() == '')", stdin=[]).stdout == b"True\n"
    )


def test_an_absent_pod_and_an_unknown_program_are_told(embedded: HttpCluster) -> None:
    with pytest.raises(errors.NotFound, match='pods "absent" not found'):
        run(embedded, ["true"], pod="absent", namespace="default")
    with pytest.raises(errors.ApiError, match="executable file not found"):
        run(embedded, ["no-such-program"], pod="p", namespace="default")
