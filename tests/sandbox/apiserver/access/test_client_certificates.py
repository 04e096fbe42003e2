"""Users with certificates: requested, approved, issued, and used."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from resilience.sandbox.host import pki
from tests.sandbox import signing_requests
from tests.sandbox.apiserver.live import ADMIN, Live
from tests.sandbox.apiserver.wire import Wire

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
USERS = "kubernetes.io/kube-apiserver-client"
NODES = "kubernetes.io/kubelet-serving"
NODE = "system:node:a"
DNS = x509.DNSName("a.b")
SERVING = ("digital signature", "key encipherment", "server auth")


def body(name: str, pem: bytes, *usages: str, signer: str = USERS, **spec: Any) -> dict[str, Any]:
    encoded = base64.b64encode(pem).decode()
    spec = {"request": encoded, "signerName": signer, "usages": list(usages)} | spec
    return {"metadata": {"name": name}, "spec": spec}


def approved(wire: Wire, request: dict[str, Any]) -> dict[str, Any]:
    """Create and approve it; its status once there is more than the approval, or after a second."""
    made = wire("POST", REQUESTS, request)
    assert made.status == 201, made.json
    path = f"{REQUESTS}/{made.json['metadata']['name']}"
    condition = {"type": "Approved", "status": "True", "reason": "Test", "message": ""}
    done = {**made.json, "status": {"conditions": [condition]}}
    assert wire("PUT", f"{path}/approval", done).status == 200
    end = time.monotonic() + 1
    while True:
        status: dict[str, Any] = wire("GET", path).json["status"]
        if len(status["conditions"]) > 1 or "certificate" in status or time.monotonic() > end:
            return status


def whoami(live: Live, certificate: bytes, key: bytes, folder: Path, token: str = "") -> Any:
    """The user that the server sees in a connection with this certificate."""
    both = folder / "both.pem"
    both.write_bytes(certificate + key)
    context = ssl.create_default_context(cafile=str(live.config.ca_file))
    context.load_cert_chain(both)
    host, port = live.url.removeprefix("https://").split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    try:
        connection.request("POST", path, json.dumps(review), headers)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.mark.parametrize("token", ["", ADMIN])
def test_an_approved_request_becomes_a_user(
    live: Live, wire: Wire, tmp_path: Path, token: str
) -> None:
    pem, key = signing_requests.make("jane", "dev", "ops")
    name = f"jane-{bool(token)}".lower()
    request = body(name, pem, "client auth", username="root", uid="1", groups=["x"])
    status = approved(wire, request)
    certificate = base64.b64decode(status["certificate"])
    found = whoami(live, certificate, key, tmp_path, token)["status"]["userInfo"]
    assert (found["username"], found["groups"]) == ("jane", ["dev", "ops", "system:authenticated"])
    spec = wire("GET", f"{REQUESTS}/{name}").json["spec"]
    assert (spec["username"], "uid" in spec) == ("kubernetes-admin", False)
    assert spec["groups"] == ["system:masters", "system:authenticated"]


def test_a_certificate_of_another_authority_opens_no_connection(live: Live, tmp_path: Path) -> None:
    pki.write_self_signed(tmp_path / "c", tmp_path / "k", ["root"])
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
        whoami(live, (tmp_path / "c").read_bytes(), (tmp_path / "k").read_bytes(), tmp_path)


def test_a_request_waits_for_its_approval_and_for_its_own_signer(wire: Wire) -> None:
    pem, _ = signing_requests.make("jane")
    assert wire("POST", REQUESTS, body("waits", pem, "client auth")).status == 201
    others = approved(wire, body("others", pem, "client auth", signer="example.com/mine"))
    assert "certificate" not in others
    assert "certificate" not in wire("GET", f"{REQUESTS}/waits").json.get("status", {})


def test_a_node_gets_a_certificate_for_its_server(wire: Wire) -> None:
    for number, usages in enumerate((SERVING, (SERVING[0], SERVING[2]))):
        pem, _ = signing_requests.make(NODE, "system:nodes", others=(DNS,))
        assert "certificate" in approved(wire, body(f"node-{number}", pem, *usages, signer=NODES))


@pytest.mark.parametrize(
    ("signer", "who", "others", "usages", "why"),
    [
        (USERS, ("a",), (), ("server auth",), "invalid usage for client certificate: server auth"),
        (USERS, ("a",), (), SERVING[:1], "missing required usage for client certificate"),
        (NODES, (NODE, "dev"), (DNS,), SERVING, "subject organization is not system:nodes"),
        (NODES, (NODE, "system:nodes"), (), SERVING, "DNS or IP subjectAltName is required"),
        (
            NODES, (NODE, "system:nodes"), (x509.RFC822Name("a@b"),), SERVING,
            "DNS or IP subjectAltName is required",
        ),
        (
            NODES, (NODE, "system:nodes"), (DNS, x509.RFC822Name("a@b")), SERVING,
            "Email subjectAltNames are not allowed",
        ),
        (
            NODES, (NODE, "system:nodes"), (DNS, x509.UniformResourceIdentifier("a://b")), SERVING,
            "URI subjectAltNames are not allowed",
        ),
        (NODES, (NODE, "system:nodes"), (DNS,), ("server auth",), "usages did not match"),
        (NODES, ("a", "system:nodes"), (DNS,), SERVING, "common name does not begin with"),
    ],
)  # fmt: skip
def test_what_its_signer_may_not_sign_has_failed(
    wire: Wire,
    request: pytest.FixtureRequest,
    signer: str,
    who: tuple[str, ...],
    others: tuple[x509.GeneralName, ...],
    usages: tuple[str, ...],
    why: str,
) -> None:
    pem, _ = signing_requests.make(*who, others=others)
    name = f"fails-{zlib.crc32(request.node.name.encode())}"
    status = approved(wire, body(name, pem, *usages, signer=signer))
    assert "certificate" not in status
    [failed] = [each for each in status["conditions"] if each["type"] == "Failed"]
    assert failed["reason"] == "SignerValidationFailure"
    assert why in failed["message"]


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        ({"request": "eA=="}, 422, "PEM block type must be CERTIFICATE REQUEST"),
        ({"usages": []}, 422, "spec.usages: Required value"),
        ({"signerName": "kubernetes.io/legacy-unknown"}, 422, "legacy signerName is not allowed"),
        ({"expirationSeconds": 599}, 422, "less than 600 seconds"),
    ],
)
def test_what_nobody_could_sign_is_refused(
    wire: Wire, change: dict[str, Any], status: int, why: str
) -> None:
    pem, _ = signing_requests.make("jane")
    answer = wire("POST", REQUESTS, body("refused", pem, "client auth", **change))
    assert (answer.status, why in answer.json["message"]) == (status, True)


def test_nobody_becomes_a_master_by_a_request(wire: Wire) -> None:
    pem, _ = signing_requests.make("jane", "system:masters")
    answer = wire("POST", REQUESTS, body("master", pem, "client auth"))
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    other = body("no-master", pem, "client auth", signer="example.com/mine")
    assert wire("POST", REQUESTS, other).status == 201


def test_a_list_says_what_became_of_each(live: Live, wire: Wire) -> None:
    pem, _ = signing_requests.make("jane")
    wire("POST", REQUESTS, body("listed-1", pem, "client auth"))
    approved(wire, body("listed-2", pem, "client auth", expirationSeconds=7200))
    approved(wire, body("listed-3", pem, "server auth"))
    rows = {row.split()[0]: row.split()[4:] for row in live.kubectl("get", "csr").splitlines()}
    assert rows["listed-1"] == ["<none>", "Pending"]
    assert rows["listed-2"] == ["120m", "Approved,Issued"]
    assert rows["listed-3"] == ["<none>", "Approved,Failed"]
