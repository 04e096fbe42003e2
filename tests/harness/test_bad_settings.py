"""What users get wrong, and what clusters are when they are not as expected: each has one clear
message with what to do, and nothing was touched.

End to end: pytest and the command, against a sandbox by its kubeconfig, or against no cluster at
all. A missing right is in `test_rights.py`, a second run in `test_locks.py`.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.transport import HttpCluster
from tests.real_cluster import admin, applied, called, embedded, folder, resilience, scenarios
from tests.spaces import leaving, serving
from tests.wanted import wanted

__all__ = ["admin", "embedded", "folder"]  # fixtures

SUBJECT = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "registry.k8s.io/pause:3.10"}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: never, namespace: shop}
spec: {maxUnavailable: 0, selector: {matchLabels: {app: web}}}
"""

ASKED = """
scenario: asked
namespace: {namespace}
settle: 10ms
when:
  - {action}
then:
  - ready: deployment/web
"""


@pytest.fixture
def shop(folder: Path, admin: HttpCluster) -> Path:
    """A project, and a Deployment whose budget can never be met."""
    (folder / "kill.scenario.yaml").unlink()
    applied(admin, SUBJECT)
    serving(admin, "shop", 1)
    return folder


def asked(folder: Path, action: str, namespace: str = "shop") -> Path:
    file = folder / "asked.scenario.yaml"
    file.write_text(ASKED.replace("{action}", action).replace("{namespace}", namespace))
    return file


@pytest.mark.parametrize(
    ("action", "code", "told"),
    [
        ("kill: {pods: app=absent, count: 1}", 21,
         "no living Pod in namespace shop matches app=absent; there is 1 Pod (web-"),
        ("scale: {workload: deployment/absent, replicas: 2}", 21,
         "deployment/absent does not exist in namespace shop; there are: deployment/web"),
        ("drain: node-9", 21, "node node-9 does not exist; existing nodes: node-1, node-2, node-3"),
        ("drain: {node: {running: app=web}}", 24,
         "shop/never wants 1 of 1 Pods healthy at all times (maxUnavailable: 0): no eviction can"),
        ("evict: {pods: app=web, count: 1}", 24,
         "shop/never wants 1 of 1 Pods healthy at all times (maxUnavailable: 0): no eviction can"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_one_message_and_nothing_is_touched(
    shop: Path, embedded: Embedded, admin: HttpCluster, action: str, code: int, told: str
) -> None:
    before = wanted(admin, "shop")
    asked(shop, action)
    run = scenarios(shop, embedded.kubeconfig, "-q", ".")
    assert told in run.stdout
    assert run.returncode == code, run.stdout
    assert "Traceback" not in run.stdout
    assert wanted(admin, "shop") == before


def test_a_namespace_that_is_being_deleted_is_refused(
    shop: Path, embedded: Embedded, admin: HttpCluster
) -> None:
    with leaving(admin) as going:
        asked(shop, "kill: {pods: app=web, count: 1}", going)
        run = scenarios(shop, embedded.kubeconfig, "-q", ".")
    assert run.returncode == 23, run.stdout
    assert f"namespace {going} of 'sandbox' is being deleted" in run.stdout
    assert f"kubectl get namespace {going} -o yaml shows what delays it" in run.stdout
    assert "nothing was touched" in run.stdout


def kubeconfig(folder: Path, server: str, authority: str = "") -> Path:
    cluster = {"server": server}
    if authority:
        cluster["certificate-authority"] = authority
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "staging",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
    }))  # fmt: skip
    return file


COMMANDS = (
    ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--resilience-context=staging",
     "--resilience-kubeconfig=kubeconfig", "."],
    ["-m", "resilience", "doctor", "--context", "staging", "--kubeconfig", "kubeconfig"],
    ["-m", "resilience", "recover", "--context", "staging", "--kubeconfig", "kubeconfig"],
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=["pytest", "doctor", "recover"])
def test_an_api_server_that_cannot_be_reached_is_named_without_a_traceback(
    folder: Path, command: list[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kubeconfig(folder, f"https://127.0.0.1:{port}")
    done = called(folder, *command)
    assert done.returncode != 0
    assert f"https://127.0.0.1:{port} (context 'staging') did not answer: connection refused" in (
        done.stdout
    )
    assert "Traceback" not in done.stdout


@contextmanager
def expired_server(folder: Path) -> Iterator[str]:
    """TLS with a certificate that ran out yesterday; the file `ca.pem` trusts it."""
    key, certificate = _expired(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _expired(folder: Path) -> tuple[Path, Path]:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apiserver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "key.pem", folder / "ca.pem"


def test_an_api_server_whose_certificate_has_expired_is_told_as_that(folder: Path) -> None:
    with expired_server(folder) as server:
        kubeconfig(folder, server, str(folder / "ca.pem"))
        done = resilience(folder, "doctor", "--context", "staging", "--kubeconfig", "kubeconfig")
    assert done.returncode == 1
    assert "its certificate is not trusted: certificate has expired" in done.stdout
    assert "Traceback" not in done.stdout
