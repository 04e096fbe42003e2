"""A Pod's own address, names, Services and what happens to connections, with real Pods."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from resilience.cluster.interface import NODES, SERVICES
from resilience.sandbox.host.ports import PUBLISHED
from tests.sandbox.running import AGNHOST, Pods, sandbox, wait_for


def get(address: str, port: int, path: str) -> str:
    """The body of a GET over a new connection."""
    with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=60) as answer:
        body: bytes = answer.read()
    return body.decode()


def service(name: str, **spec: Any) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def cluster_ip(pods: Pods, name: str) -> str:
    found = pods.sandbox.cluster.get(SERVICES, name, pods.namespace)
    return str(found["spec"]["clusterIP"])


def run_netexec(pods: Pods, name: str, *flags: str, **more: Any) -> str:
    """A Ready netexec Pod; returns its address."""
    probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1,
             "failureThreshold": 1}  # fmt: skip
    main = {"image": AGNHOST, "args": ["netexec", *flags], "readinessProbe": probe}
    pods.run(name, main=main, **more)
    address: str = pods.until_ready(name)["status"]["podIP"]
    return address


def serves(address: str) -> bool:
    """Whether the Pod behind a Service answers."""
    try:
        return bool(get(address, 80, "/hostname"))
    except OSError:
        return False


def accepts(address: str, port: int) -> bool:
    """A Pod that is Ready without a probe may not listen yet: its Service then resets."""
    try:
        socket.create_connection((address, port), 60).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True


def test_two_pods_listen_on_the_same_port_at_addresses_of_their_own(pods: Pods) -> None:
    one, two = run_netexec(pods, "one"), run_netexec(pods, "two")
    assert one != two
    assert [get(address, 8080, "/hostname") for address in (one, two)] == ["one", "two"]


def test_a_service_forwards_to_its_pods_and_follows_their_readiness(pods: Pods) -> None:
    pods.apply(service("web"))
    address = cluster_ip(pods, "web")
    assert not accepts(address, 80)
    run_netexec(pods, "web")
    wait_for(lambda: accepts(address, 80), "the Service has a listener")
    assert get(address, 80, "/hostname") == "web"
    pods.kubectl("delete", "pod", "web")
    wait_for(lambda: not accepts(address, 80), "the Service refuses again")


def test_a_terminating_pod_serves_while_no_other_is_ready(pods: Pods) -> None:
    # It answers 503 on /readyz from SIGTERM on, so readiness is not probed here.
    pods.apply(service("last"))
    main = {"image": AGNHOST, "args": ["netexec", "--delay-shutdown=100"]}
    pods.run("last", main=main, terminationGracePeriodSeconds=200)
    pods.until_ready("last")
    address = cluster_ip(pods, "last")
    wait_for(lambda: serves(address), "the Pod serves: it hears SIGTERM from then on")
    pods.kubectl("delete", "pod", "last", "--wait=false")
    pods.until_endpoint("last", "terminating")
    wait_for(lambda: accepts(address, 80), "the Service has a listener still")
    assert get(address, 80, "/hostname") == "last"
    pods.kubectl("delete", "pod", "last", "--grace-period=1")


def test_the_clients_address_is_kept_through_a_service(pods: Pods) -> None:
    pods.apply(service("who"))
    run_netexec(pods, "who")
    name = f"who.{pods.namespace}.svc.cluster.local"
    program = (
        "import urllib.request as u, time\n"
        f"for name in ('who', 'who.{pods.namespace}', '{name}'):\n"
        "    print(u.urlopen(f'http://{name}/clientip').read().decode().split(':')[0])"
    )
    wait_for(lambda: accepts(cluster_ip(pods, "who"), 80), "the Service has a listener")
    pods.run("asks", program, restartPolicy="Never")
    assert pods.phase("asks") == "Succeeded", pods.logs("asks")
    assert set(pods.logs("asks").split()) == {pods.get("asks")["status"]["podIP"]}


def test_a_headless_service_resolves_to_its_ready_pods(pods: Pods) -> None:
    pods.apply(service("db", clusterIP="None"))
    addresses = {run_netexec(pods, name, labels={"app": "db"}) for name in ("db-0", "db-1")}
    program = "import socket; print(*socket.gethostbyname_ex('db')[2])"
    pods.run("asks", program, restartPolicy="Never")
    pods.phase("asks")
    assert set(pods.logs("asks").split()) == addresses


def test_an_unknown_name_does_not_resolve(pods: Pods) -> None:
    program = "import socket; socket.getaddrinfo('nothere.svc.cluster.local', 80)"
    pods.run("asks", program, restartPolicy="Never")
    assert pods.phase("asks") == "Failed"
    assert "Name or service not known" in pods.logs("asks")


def test_what_listens_on_localhost_is_reached_only_from_inside(pods: Pods) -> None:
    program = (
        "import http.server as h; from functools import partial\n"
        "h.HTTPServer(('127.0.0.1', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
    )
    probe = {"exec": {"command": [
        "python3", "-c", "import socket; socket.create_connection(('localhost', 8080))"
    ]}, "periodSeconds": 1}  # fmt: skip
    pods.run("inner", program, main={"readinessProbe": probe})
    address = pods.until_ready("inner")["status"]["podIP"]
    assert not accepts(address, 8080)


def test_a_node_port_is_served_at_the_nodes_addresses(pods: Pods) -> None:
    run_netexec(pods, "np")
    port = {"port": 80, "targetPort": 8080, "nodePort": 30123}
    pods.apply(service("np", type="NodePort", ports=[port]))
    nodes = pods.sandbox.cluster.list(NODES)
    addresses = [node["status"]["addresses"][0]["address"] for node in nodes]
    for address in addresses:
        wait_for(partial(accepts, address, 30123), f"{address} listens")
        assert get(address, 30123, "/hostname") == "np"


def test_udp_goes_through_a_service(pods: Pods) -> None:
    run_netexec(pods, "udp", "--udp-port=8081")
    port = {"port": 53, "targetPort": 8081, "protocol": "UDP"}
    pods.apply(service("udp", ports=[port]))
    address = cluster_ip(pods, "udp")

    def ask() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(1)
            client.connect((address, 53))
            try:
                client.send(b"hostname")
                return client.recv(100)
            except (ConnectionRefusedError, TimeoutError):
                return b""

    assert wait_for(ask, "an answer") == b"udp"


def test_netexec_speaks_as_the_real_one(pods: Pods) -> None:
    address = run_netexec(pods, "net", "--http-port=8080")
    assert get(address, 8080, "/echo?msg=hi") == "hi"
    assert get(address, 8080, "/healthz") == ""
    assert get(address, 8080, "/readyz") == "ok"
    assert get(address, 8080, "/").startswith("NOW: ")
    assert json.loads(get(address, 8080, "/header"))["Host"] == [f"{address}:8080"]
    dialed = json.loads(
        get(address, 8080, f"/dial?host={address}&port=8080&request=hostname&tries=2")
    )
    assert dialed == {"responses": ["net", "net"]}
    for path, code in (("/shell?cmd=id", 403), ("/echo?code=418&msg=x", 418)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(address, 8080, path)
        assert refused.value.code == code
        refused.value.close()


def test_readyz_fails_from_sigterm_on_while_the_rest_is_served(pods: Pods) -> None:
    address = run_netexec(pods, "drain", "--delay-shutdown=100", terminationGracePeriodSeconds=200)
    pods.kubectl("delete", "pod", "drain", "--wait=false")

    def code_of_readyz() -> int:
        try:
            get(address, 8080, "/readyz")
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        return 200

    wait_for(lambda: code_of_readyz() == 503, "/readyz answers 503")
    assert get(address, 8080, "/hostname") == "drain"
    pods.kubectl("delete", "pod", "drain", "--grace-period=1")


def test_a_crash_breaks_connections_that_are_open(pods: Pods) -> None:
    pods.apply(service("open"))
    run_netexec(pods, "open")
    address = cluster_ip(pods, "open")
    wait_for(lambda: accepts(address, 80), "the Service has a listener")
    with socket.create_connection((address, 80), 60) as connection:
        connection.sendall(b"GET /exit?wait=20s HTTP/1.1\r\nHost: x\r\n\r\n")
        pods.sandbox.kubectl("get", "--raw", "/version")  # the request is under way by now
        pods.crash("open")
        try:
            ended = connection.recv(100) == b""
        except ConnectionResetError:
            ended = True
        assert ended


def test_without_the_right_to_bind_them_low_ports_stand_elsewhere() -> None:
    # Root may bind every port, so it gives that right up here; other users have none to give.
    drop = "--bounding-set=-net_bind_service"
    under = ("setpriv", drop, "--inh-caps=-net_bind_service") if os.getuid() == 0 else ()
    with sandbox("--nodes", "1", under=under) as running:
        pods = Pods(running, "default")
        probe = {"httpGet": {"path": "/readyz", "port": 80}}
        main = {"image": AGNHOST, "args": ["netexec", "--http-port=80"], "readinessProbe": probe}
        pods.run("web", main=main)
        pods.apply(service("web", ports=[{"port": 80}]))
        address = pods.until_ready("web")["status"]["podIP"]
        web = partial(running.cluster.get, SERVICES, "web", "default")
        found = wait_for(
            lambda: [s for s in [web()] if PUBLISHED in str(s)],
            "the Service says where its port stands",
        )[0]
        assert found["metadata"]["annotations"][PUBLISHED] == "80=64080"
        assert get(address, 64080, "/hostname") == "web"
        wait_for(lambda: accepts(found["spec"]["clusterIP"], 64080), "the Service has a listener")
        program = "import urllib.request as u; print(u.urlopen('http://web/hostname').read())"
        pods.run("asks", program, restartPolicy="Never")
        assert pods.phase("asks") == "Succeeded", pods.logs("asks")


def forwarded(pods: Pods, *arguments: str) -> Iterator[int]:
    """kubectl port-forward; yields the local port."""
    command = ["kubectl", "--kubeconfig", pods.sandbox.ready["kubeconfig"], "-n", pods.namespace,
               "port-forward", *arguments]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("Forwarding from 127.0.0.1:"), line
            yield int(line.split()[2].split(":")[1])
        finally:
            process.terminate()


def test_kubectl_forwards_a_port(pods: Pods) -> None:
    run_netexec(pods, "pf")
    with contextmanager(forwarded)(pods, "pod/pf", ":8080") as port:
        for _ in range(3):
            assert get("127.0.0.1", port, "/hostname") == "pf"
        assert get("127.0.0.1", port, "/echo?msg=" + "x" * 50000) == "x" * 50000


def test_a_forwarded_port_nobody_listens_on_ends_the_connection(pods: Pods) -> None:
    run_netexec(pods, "pf")
    with contextmanager(forwarded)(pods, "pod/pf", ":9999") as port:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            assert connection.recv(10) == b""


CONNECTS = (
    "import socket, sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()\n"
    "except TimeoutError: print('timeout')\n"
    "except OSError as error: print(error)\n"
    "else: print('connected')"
)


def policy(name: str, **spec: Any) -> dict[str, Any]:
    meta = {"name": name}
    spec = {"podSelector": {}, **spec}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta,
            "spec": spec}  # fmt: skip


def test_a_network_policy_lets_packets_vanish_until_one_allows_them(pods: Pods) -> None:
    pods.apply(service("web"))
    address = run_netexec(pods, "web")
    pods.run("client", "import time; time.sleep(600)")
    pods.until_ready("client")
    wait_for(lambda: accepts(cluster_ip(pods, "web"), 80), "the Service has a listener")

    def connects(host: str, port: int) -> str:
        return pods.kubectl(
            "exec", "client", "--", "python3", "-c", CONNECTS, host, str(port)
        ).strip()

    wait_for(lambda: connects(address, 8080) == "connected", "the Pod is open")
    pods.apply(policy("deny", policyTypes=["Ingress"]))
    wait_for(lambda: connects(address, 8080) == "timeout", "the Pod is closed")
    assert connects("web", 80) == "timeout"
    allow = {
        "from": [{"podSelector": {"matchLabels": {"app": "client"}}}],
        "ports": [{"port": 8080}],
    }
    pods.apply(policy("allow", ingress=[allow]))
    wait_for(lambda: connects(address, 8080) == "connected", "the Pod is open")
    wait_for(lambda: connects("web", 80) == "connected", "the Service is open")
    pods.apply(policy("locked", policyTypes=["Egress"]))
    wait_for(lambda: "resolution" in connects("web", 80), "names are not resolved")
    assert connects(address, 8080) == "timeout"
