"""exec, attach and port-forward in the older WebSocket protocols, and the official client's."""

from __future__ import annotations

import base64
import json
import ssl
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import websocket
import yaml

from tests.sandbox.running import Pods, netexec

KILLING = """
import os, time
child = os.fork()
if child == 0:
    os.kill(os.getpid(), 9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os.kill(os.getpid(), 9)
print("alive", flush=True)
time.sleep(600)
"""


@pytest.fixture
def web(pods: Pods) -> Pods:
    """A Pod `web` that answers HTTP on 8080."""
    pods.run("web", main=netexec())
    pods.until_ready("web")
    return pods


def connect(pods: Pods, path: str, *protocols: str) -> websocket.WebSocket:
    """A WebSocket to a subresource of a Pod, offering `protocols`."""
    config = yaml.safe_load(Path(pods.sandbox.ready["kubeconfig"]).read_text())
    host = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
    return websocket.create_connection(
        f"wss://{host}/api/v1/namespaces/{pods.namespace}/pods/{path}",
        header=[f"Authorization: Bearer {config['users'][0]['user']['token']}"],
        subprotocols=list(protocols) or None,
        sslopt={"cert_reqs": ssl.CERT_NONE},
        timeout=120,
    )


def received(socket: websocket.WebSocket) -> list[tuple[int, Any]]:
    """Every (kind, message) until the server says goodbye."""
    found: list[tuple[int, Any]] = []
    while True:
        kind, data = socket.recv_data()
        if kind == websocket.ABNF.OPCODE_CLOSE:
            socket.shutdown()  # type: ignore[no-untyped-call]
            return found
        found.append((kind, data))


EXEC = "web/exec?command=sh&command=-c&command=echo+hi&stdout=true&stderr=true"


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_binary_protocols_end_with_a_status(web: Pods, protocol: str) -> None:
    *out, (_, last) = received(connect(web, EXEC, protocol))
    assert b"".join(data[1:] for _, data in out if data[:1] == b"\x01") == b"hi\n"
    assert (last[0], json.loads(last[1:])["status"]) == (3, "Success")


def test_base64_protocols_carry_text(web: Pods) -> None:
    *out, last = received(connect(web, EXEC, "v4.base64.channel.k8s.io"))
    assert {kind for kind, _ in [*out, last]} == {websocket.ABNF.OPCODE_TEXT}
    said = b"".join(base64.b64decode(data[1:]) for _, data in out if data[:1] == b"1")
    assert said == b"hi\n"
    assert last[1][:1] == b"3"
    assert json.loads(base64.b64decode(last[1][1:]))["status"] == "Success"


@pytest.mark.parametrize("protocols", [(), ("channel.k8s.io",)], ids=["none", "unversioned"])
def test_before_v4_success_is_silent_and_failure_a_text(
    web: Pods, protocols: tuple[str, ...]
) -> None:
    assert received(connect(web, EXEC, *protocols)) == [(2, b"\x01hi\n")]
    failing = EXEC.replace("echo+hi", "exit+4")
    text = b"\x03command terminated with non-zero exit code: exit status 4"
    assert received(connect(web, failing, *protocols)) == [(2, text)]


def test_the_client_s_first_choice_is_spoken(web: Pods) -> None:
    both = connect(web, EXEC, "v4.base64.channel.k8s.io", "v4.channel.k8s.io")
    assert both.getsubprotocol() == "v4.base64.channel.k8s.io"
    both.close()
    with pytest.raises(websocket.WebSocketBadStatusException, match="400"):
        connect(web, EXEC, "v9.channel.k8s.io")


def test_an_exec_without_any_stream_is_refused(web: Pods) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="at least 1 of stdin"):
        connect(web, "web/exec?command=true", "v4.channel.k8s.io")


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"])
def test_older_port_forward_names_its_ports_and_carries_them(web: Pods, protocol: str) -> None:
    socket = connect(web, "web/portforward?ports=8080,9", protocol)
    is_text = "base64" in protocol
    if is_text:
        encoded = b"0" + base64.b64encode(b"GET /hostname HTTP/1.0\r\n\r\n")
        socket.send(encoded.decode())
    else:
        socket.send_binary(b"\x00GET /hostname HTTP/1.0\r\n\r\n")
    streams: dict[int, bytes] = {}
    for _, data in received(socket):
        channel = data[0] - ord("0") if is_text else data[0]
        piece = base64.b64decode(data[1:]) if is_text else data[1:]
        streams[channel] = streams.get(channel, b"") + piece
    assert [struct.unpack("<H", streams[n][:2])[0] for n in range(4)] == [8080, 8080, 9, 9]
    assert streams[0][2:].endswith(b"web")
    assert b"error forwarding port 9" in streams[3]


@pytest.fixture
def client(web: Pods) -> Any:
    """The official client on the shared sandbox."""
    import kubernetes

    config = kubernetes.client.Configuration()
    path = web.sandbox.ready["kubeconfig"]
    load = kubernetes.config.load_kube_config
    load(path, client_configuration=config)  # type: ignore[no-untyped-call]
    with kubernetes.client.ApiClient(config) as api:
        yield kubernetes.client.CoreV1Api(api)


def test_the_official_client_s_stream_execs_and_attaches(client: Any, web: Pods) -> None:
    from kubernetes.stream import stream

    names = {"stderr": True, "stdout": True, "tty": False, "_preload_content": False}

    def begin(call: Any, *, stdin: bool = False, **more: Any) -> Any:
        return stream(call, "web", web.namespace, stdin=stdin, **names, **more)

    execute = client.connect_get_namespaced_pod_exec
    once = begin(execute, command=["hostname"])
    once.run_forever(timeout=120)
    assert (once.returncode, once.read_stdout()) == (0, "web\n")
    talk = begin(execute, stdin=True, command=["cat"])
    talk.write_stdin("said\n")
    assert talk.readline_stdout(timeout=120) == "said"
    log = begin(client.connect_get_namespaced_pod_attach)
    crash = begin(execute, command=["sh", "-c", "kill 1"])
    log.run_forever(timeout=120)  # the container has ended
    assert not log.is_open()
    for each in (once, talk, log, crash):
        each.sock.shutdown()  # its own `close` leaves the socket open after a goodbye


def test_the_official_client_s_portforward_reaches_the_pod(client: Any, web: Pods) -> None:
    from kubernetes.stream import portforward

    call = client.connect_get_namespaced_pod_portforward
    forwarded = portforward(call, "web", web.namespace, ports="8080")
    socket = forwarded.socket(8080)
    socket.settimeout(20)
    socket.sendall(b"GET /hostname HTTP/1.0\r\n\r\n")
    answer = b""
    while piece := socket.recv(4096):
        answer += piece
    assert answer.endswith(b"web")
    assert forwarded.error(8080) is None
    socket.close()
    forwarded.websocket.shutdown()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "137"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "143"),
    ],
)
def test_what_exec_starts_can_kill_itself(pods: Pods, program: str, said: str) -> None:
    pods.run("main", "import time; time.sleep(600)")
    pods.until_ready("main")
    path = f"main/exec?command=python&command=-c&command={quote(program)}&stdout=true"
    (_, last) = received(connect(pods, path, "v5.channel.k8s.io"))[-1]
    assert json.loads(last[1:])["details"]["causes"][0]["message"] == said


def test_a_child_can_kill_itself_and_process_1_cannot(pods: Pods) -> None:
    pods.run("main", KILLING)
    pods.until_ready("main")
    pods.kubectl("wait", "pod/main", "--for=jsonpath={.status.phase}=Running")
    assert pods.kubectl("logs", "main").split() == ["-9", "alive"]
