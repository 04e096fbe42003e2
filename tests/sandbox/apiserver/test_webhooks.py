"""Admission webhooks: asked over TLS, denying, changing, failing open or closed."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience.sandbox.host import pki
from resilience.sandbox.images.agnhost import hooks
from tests.sandbox.apiserver.wire import Wire, config_map, deployment, pod

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
MAPS = "/api/v1/namespaces/NS/configmaps"
PODS = "/api/v1/namespaces/NS/pods"
Configure = Callable[..., None]


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A webhook server on loopback: its URL and whom its certificate is signed by."""
    directory: Path = tmp_path_factory.mktemp("webhook")
    authority, certificate, key = (directory / name for name in ("ca.crt", "tls.crt", "tls.key"))
    pki.write(authority, certificate, key, ["127.0.0.1"])
    flags = {"tls-cert-file": certificate, "tls-private-key-file": key}
    server = hooks.server(("127.0.0.1", 0), flags, hooks.admission_paths("sidecar:1"))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield (
        f"https://127.0.0.1:{server.server_address[1]}",
        base64.b64encode(authority.read_bytes()).decode(),
    )
    server.shutdown()
    server.server_close()


@pytest.fixture
def configure(wire: Wire, service: tuple[str, str]) -> Iterator[Configure]:
    """Makes configurations for this test's namespace; they go after it."""
    made: list[str] = []

    def one(kind: str, path: str, *, plural: str = "configmaps", **more: Any) -> None:
        url, authority = service
        url = more.pop("url", f"{url}{path}")
        operations = more.pop("operations", ["*"])
        hook = {
            "name": f"hook{len(made)}.example.org",
            "clientConfig": {"url": url, "caBundle": authority},
            "rules": [{"operations": operations, "apiGroups": ["*"], "apiVersions": ["*"],
                       "resources": [plural]}],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": wire.namespace}},
            **more,
        }  # fmt: skip
        where = f"{CONFIGURATIONS}/{kind}webhookconfigurations"
        name = f"{wire.namespace}-{len(made)}"
        answer = wire("POST", where, {"metadata": {"name": name}, "webhooks": [hook]})
        assert answer.status == 201, answer.message
        made.append(f"{where}/{name}")

    yield one
    for path in made:
        wire("DELETE", path)


BAD = {"webhook-e2e-test": "webhook-disallow"}


@pytest.mark.parametrize("dry", ["", "?dryRun=All"])
def test_a_validating_webhook_denies_an_object_with_its_message(
    wire: Wire, configure: Configure, dry: str
) -> None:
    configure("validating", "/configmaps")
    answer = wire("POST", MAPS + dry, config_map("bad", **BAD))
    assert answer.status == 400
    assert answer.message == (
        'admission webhook "hook0.example.org" denied the request: the configmap contains'
        " unwanted key and value"
    )
    assert wire("GET", f"{MAPS}/bad").status == 404
    assert wire("POST", MAPS, config_map("good", a="b")).status == 201


@pytest.mark.parametrize("way", ["PUT", "PATCH"])
def test_a_change_is_judged_like_a_creation(wire: Wire, configure: Configure, way: str) -> None:
    configure("validating", "/configmaps")
    wire("POST", MAPS, config_map("m", a="b"))
    if way == "PUT":
        answer = wire("PUT", f"{MAPS}/m", config_map("m", **BAD))
    else:
        answer = wire.patch(f"{MAPS}/m", {"data": BAD})
    assert answer.status == 400
    assert wire("GET", f"{MAPS}/m").json["data"] == {"a": "b"}


def test_a_webhook_judges_single_and_collection_deletes(wire: Wire, configure: Configure) -> None:
    wire("POST", MAPS, config_map("kept", **{"webhook-e2e-test": "webhook-nondeletable"}))
    configure("validating", "/configmaps", operations=["DELETE"])
    assert wire("DELETE", f"{MAPS}/kept").status == 400
    assert wire("DELETE", MAPS).status == 400
    assert wire("GET", f"{MAPS}/kept").status == 200


def test_webhooks_change_one_after_another(wire: Wire, configure: Configure) -> None:
    configure("mutating", "/mutating-configmaps")
    configure("mutating", "/mutating-configmaps")
    made = wire("POST", MAPS, config_map("m", **{"mutation-start": "yes"})).json
    assert made["data"] == {
        "mutation-start": "yes", "mutation-stage-1": "yes", "mutation-stage-2": "yes",
    }  # fmt: skip


def test_what_a_webhook_adds_is_completed(wire: Wire, configure: Configure) -> None:
    configure("mutating", "/mutating-pods", plural="pods")
    made = wire("POST", PODS, pod("webhook-to-be-mutated")).json
    added = made["spec"]["initContainers"][0]
    assert added["image"] == "webhook-added-image"
    assert added["terminationMessagePolicy"] == "File"


def test_a_webhook_is_asked_again_after_others(wire: Wire, configure: Configure) -> None:
    configure("mutating", "/mutating-configmaps", reinvocationPolicy="IfNeeded")
    configure("mutating", "/add-label")
    made = wire("POST", MAPS, config_map("m", **{"mutation-start": "yes"})).json
    assert made["metadata"]["labels"] == {"added-label": "yes"}
    assert made["data"]["mutation-stage-2"] == "yes"


@pytest.mark.parametrize(("policy", "status"), [("Fail", 500), ("Ignore", 201)])
def test_one_that_cannot_be_reached(
    wire: Wire, configure: Configure, policy: str, status: int
) -> None:
    configure("validating", "/", url="https://127.0.0.1:1/x", failurePolicy=policy)
    answer = wire("POST", MAPS, config_map("m"))
    assert answer.status == status
    if status == 500:
        assert 'failed calling webhook "hook0.example.org": failed to call webhook: Post' in (
            answer.message
        )


def test_one_that_does_not_answer_costs_its_timeout(wire: Wire, configure: Configure) -> None:
    configure("validating", "/pods", plural="pods", timeoutSeconds=1)
    body = pod("waiting")
    body["metadata"]["labels"]["webhook-e2e-test"] = "wait-forever"
    answer = wire("POST", PODS, body)
    assert answer.status == 500
    assert "context deadline exceeded" in answer.message


def test_a_certificate_of_another_authority_is_no_answer(
    wire: Wire, configure: Configure, service: tuple[str, str]
) -> None:
    config = {"url": f"{service[0]}/always-deny"}
    configure("validating", "/always-deny", clientConfig=config)
    assert "certificate" in wire("POST", MAPS, config_map("m")).message


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"operations": ["UPDATE"]}, False),
        ({"plural": "secrets"}, False),
        ({"objectSelector": {"matchLabels": {"watched": "yes"}}}, False),
        ({"objectSelector": {"matchExpressions": [{"key": "watched",
                                                   "operator": "DoesNotExist"}]}}, True),
        ({"namespaceSelector": {"matchLabels": {"no": "such"}}}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'm'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name != 'm'"}]}, False),
    ],
)  # fmt: skip
def test_which_requests_are_asked_about(
    wire: Wire, configure: Configure, more: dict[str, Any], asked: bool
) -> None:
    configure("validating", "/always-deny", **more)
    assert wire("POST", MAPS, config_map("m")).status == (400 if asked else 201)


def test_webhooks_see_the_pods_that_controllers_create(wire: Wire, configure: Configure) -> None:
    configure("mutating", "/mutating-pods-sidecar", plural="pods")
    path = "/apis/apps/v1/namespaces/NS/deployments"
    wire("POST", path, deployment("web", replicas=2))
    with wire.watch(f"{PODS}?watch=true") as events:
        pods = [next(events)["object"] for _ in range(2)]
    assert all(
        [c["name"] for c in found["spec"]["containers"]] == ["c", "webhook-added-sidecar"]
        for found in pods
    )


def test_a_condition_that_does_not_compile_is_refused(wire: Wire) -> None:
    hook = {
        "name": "a.example.org", "clientConfig": {"url": "https://127.0.0.1/"}, "rules": [],
        "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "matchConditions": [{"name": "c", "expression": "this is not CEL"}],
    }  # fmt: skip
    path = f"{CONFIGURATIONS}/validatingwebhookconfigurations"
    answer = wire("POST", path, {"metadata": {"name": "bad-condition"}, "webhooks": [hook]})
    assert answer.status == 422
    assert "compilation failed" in answer.message


def test_a_webhook_cannot_lock_itself_in(wire: Wire, configure: Configure) -> None:
    configure("validating", "/always-deny", plural="*", namespaceSelector={})
    path = f"{CONFIGURATIONS}/validatingwebhookconfigurations/{wire.namespace}-0"
    assert wire.patch(path, {"metadata": {"labels": {"a": "b"}}}).status == 200


def test_an_eviction_is_judged_before_the_budgets_are_asked(
    wire: Wire, configure: Configure
) -> None:
    """Strimzi's and KubeVirt's webhooks see each eviction, also under a budget that forbids it."""
    wire("POST", PODS, pod("web"))
    evict = {"metadata": {"name": "web"}}
    configure("validating", "/always-deny", plural="pods/eviction", operations=["CREATE"])
    answer = wire("POST", f"{PODS}/web/eviction", evict)
    assert "denied the request" in answer.message
    assert wire("GET", f"{PODS}/web").status == 200
