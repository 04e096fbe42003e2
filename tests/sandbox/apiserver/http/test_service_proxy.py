"""Requests handed on to Pods by the API server: `get --raw .../proxy/` and `kubectl proxy`."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.sandbox.running import AGNHOST, Pods, wait_for

ECHO = """
import gzip, http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = int(self.headers.get("Content-Length", 0))
        said = {"method": self.command, "path": self.path, "body": self.rfile.read(size).decode(),
                "token": self.headers.get("Authorization")}
        data = json.dumps(said).encode()
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there")
            return self.end_headers()
        if self.path in ("/page", "/packed"):
            data = b'<a href="/next">next</a>'
        if self.path == "/packed":
            data = gzip.compress(data)
        self.send_response(418 if self.path == "/teapot" else 200)
        if self.path in ("/page", "/packed"):
            self.send_header("Content-Type", "text/html; charset=utf-8")
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data) + 9 * (self.path == "/cut")))
        self.end_headers()
        self.wfile.write(data)
    do_POST = do_PUT = do_GET
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""


@pytest.fixture
def echo(pods: Pods) -> Pods:
    """A Pod and a Service `echo` that answer what they were asked."""
    probe = {"tcpSocket": {"port": 8000}, "periodSeconds": 1}
    ports = [{"containerPort": 8000, "name": "http"}]
    pods.run("echo", ECHO, main={"ports": ports, "readinessProbe": probe})
    pods.kubectl("expose", "pod", "echo", "--port=80", "--target-port=8000")
    pods.until_ready("echo")
    return pods


def raw(pods: Pods, path: str, verb: str = "get", stdin: str | None = None) -> str:
    whole = f"/api/v1/namespaces/{pods.namespace}/{path}"
    more = ("-f", "-") if stdin is not None else ()
    return pods.kubectl(verb, "--raw", whole, *more, stdin=stdin)


def test_a_pod_is_named_with_port_number_port_name_and_scheme(echo: Pods) -> None:
    for name in ("echo", "echo:8000", "echo:http", "http:echo:8000"):
        assert json.loads(raw(echo, f"pods/{name}/proxy/a/b?c=d"))["path"] == "/a/b?c=d"


def test_a_pod_gets_the_path_as_it_was_sent_and_no_token(echo: Pods) -> None:
    config = yaml.safe_load(Path(echo.sandbox.ready["kubeconfig"]).read_text())
    url = config["clusters"][0]["cluster"]["server"]
    url += f"/api/v1/namespaces/{echo.namespace}/pods/echo/proxy/a/b%2Fc/?d=e%20f"
    token = config["users"][0]["user"]["token"]
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    unverified = ssl._create_unverified_context()
    with urllib.request.urlopen(request, timeout=120, context=unverified) as answer:
        said = json.loads(answer.read())
    assert said == {"method": "GET", "path": "/a/b%2Fc/?d=e%20f", "body": "", "token": None}


@contextlib.contextmanager
def asked(pods: Pods, path: str) -> Iterator[http.client.HTTPResponse]:
    """The answer of the proxy to Pod `echo`, with no redirect followed."""
    config = yaml.safe_load(Path(pods.sandbox.ready["kubeconfig"]).read_text())
    where = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
    unverified = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(
        where.hostname or "", where.port, context=unverified, timeout=20
    )
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    with contextlib.closing(connection):
        connection.request("GET", below(pods) + path, headers=headers)
        yield connection.getresponse()


def below(pods: Pods) -> str:
    return f"/api/v1/namespaces/{pods.namespace}/pods/echo/proxy"


@pytest.mark.parametrize("path", ["/page", "/packed"])
def test_links_of_a_page_lead_through_the_proxy_again(echo: Pods, path: str) -> None:
    with asked(echo, path) as answer:
        data = answer.read()
    page = gzip.decompress(data) if path == "/packed" else data
    assert page.decode() == f'<a href="{below(echo)}/next">next</a>'
    assert int(answer.headers["Content-Length"]) == len(data)


def test_a_redirect_leads_through_the_proxy_again(echo: Pods) -> None:
    with asked(echo, "/moved") as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{below(echo)}/there")


def test_an_answer_that_breaks_off_is_cut_off_and_no_other_follows_it(echo: Pods) -> None:
    config = yaml.safe_load(Path(echo.sandbox.ready["kubeconfig"]).read_text())
    where = urllib.parse.urlsplit(config["clusters"][0]["cluster"]["server"])
    token = config["users"][0]["user"]["token"]
    path = f"/api/v1/namespaces/{echo.namespace}/pods/echo/proxy/cut"
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    unverified = ssl._create_unverified_context()
    with (
        socket.create_connection((where.hostname or "", where.port or 0), timeout=120) as plain,
        unverified.wrap_socket(plain) as client,
    ):
        client.sendall(request.encode())
        said = b""
        with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
            while piece := client.recv(4096):
                said += piece
    assert said.startswith(b"HTTP/1.1 200 ")
    assert said.count(b"HTTP/1.1") == 1
    assert not said.endswith(b"0\r\n\r\n")


def test_bodies_and_verbs_go_through(echo: Pods) -> None:
    said = json.loads(raw(echo, "pods/echo/proxy/x/", "create", stdin="hello"))
    assert (said["method"], said["path"], said["body"]) == ("POST", "/x/", "hello")


def test_a_service_hands_on_to_a_ready_endpoint(echo: Pods) -> None:
    def endpoints() -> str:
        cluster = echo.sandbox.cluster
        found = cluster.get(cluster.resource("v1", "Endpoints"), "echo", echo.namespace)
        return str(found.get("subsets"))

    wait_for(lambda: "'addresses'" in endpoints(), "an endpoint is there")
    for name in ("echo:80", "echo"):
        assert json.loads(raw(echo, f"services/{name}/proxy/ok"))["path"] == "/ok"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pods/none/proxy/", 'pods "none" not found'),
        ("services/none/proxy/", 'services "none" not found'),
        ("services/echo:81/proxy/", 'no service port 81 found for service "echo"'),
        ("pods/echo:9/proxy/", "error trying to reach service: dial tcp"),
        ("pods/a:b:c:d/proxy/", "invalid pod request"),
    ],
)
def test_a_service_that_cannot_be_reached_is_an_error_with_its_reason(
    echo: Pods, path: str, text: str
) -> None:
    with pytest.raises(AssertionError, match=text):
        raw(echo, path)


def test_a_service_without_ready_endpoints_is_unavailable(pods: Pods) -> None:
    pods.run("web", main={"image": AGNHOST, "args": ["pause"]})
    pods.kubectl("create", "service", "clusterip", "empty", "--tcp=80:80")
    with pytest.raises(AssertionError, match="no endpoints available for service"):
        raw(pods, "services/empty:80/proxy/")


def test_kubectl_proxy_reaches_a_pod_through_the_api_server(echo: Pods) -> None:
    config = echo.sandbox.ready["kubeconfig"]
    command = ["kubectl", "--kubeconfig", config, "proxy", "--port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        base = f"http://{address}/api/v1/namespaces/{echo.namespace}/pods/echo:8000/proxy"
        for path in ("", "/", "/x?y=z"):
            with urllib.request.urlopen(base + path, timeout=120) as answer:
                assert json.loads(answer.read())["path"] == (path or "/")
        with pytest.raises(urllib.error.HTTPError, match="418"):
            urllib.request.urlopen(f"{base}/teapot", timeout=120)
    finally:
        process.terminate()
        process.communicate(timeout=120)


def test_a_pod_is_reached_over_tls_whatever_its_certificate(pods: Pods) -> None:
    """Port 443 serves with the certificate that the image carries."""
    environment = [{"name": "SERVE_TLS_PORT_8443", "value": "over tls"}]
    probe = {"tcpSocket": {"port": 8443}, "periodSeconds": 1}
    pods.run("tls", main={"image": AGNHOST, "args": ["porter"], "env": environment,
                          "readinessProbe": probe})  # fmt: skip
    pods.until_ready("tls")
    assert raw(pods, "pods/https:tls:8443/proxy/") == "over tls"
