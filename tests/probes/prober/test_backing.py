"""What is wrong behind a Service that does not answer, told where a probe saw nothing good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.probes.kinds.http import VERB, Http
from resilience.probes.prober.backing import doubt
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, Sandbox, running
from tests.probes.server import Server

APP = {"app": "checkout"}


def pod(app: str = "checkout", ready: bool = True, ports: Sequence[str] = ()) -> Object:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": {"name": "p", "namespace": "shop", "labels": {"app": app}},
        "spec": {"containers": [{"ports": [{"name": name} for name in ports]}]},
        "status": {"phase": "Running", "conditions": [condition]},
    }


def by_hand(service: str, *endpoints: Object) -> Object:
    return {
        "metadata": {"labels": {"kubernetes.io/service-name": service}},
        "endpoints": list(endpoints),
    }


def behind(sandbox: Sandbox, namespace: str = "") -> str:
    context: Any = Context(cluster=sandbox)
    return doubt(context, "checkout", namespace)()


def test_a_selector_that_matches_no_pod_is_told_with_its_labels() -> None:
    assert behind(Sandbox({"app": "chekout", "tier": "web"}, [pod(), pod("db")])) == (
        "the Service shop/checkout has no endpoints: app=chekout,tier=web matches none of 2 Pods "
        "there"
    )


def test_pods_that_are_not_ready_are_told_apart_from_none() -> None:
    told = behind(Sandbox(APP, [pod(ready=False), pod("db")]))
    assert told.endswith("has no endpoints: none of 1 Pod with app=checkout is ready")


@pytest.mark.parametrize("slices", [(), (by_hand("checkout"),), (by_hand("other", {}),)])
def test_a_service_without_a_selector_needs_endpoints_of_someone(slices: Sequence[Object]) -> None:
    assert behind(Sandbox({}, [pod()], slices)) == (
        "the Service shop/checkout has no endpoints: it has no selector, and no EndpointSlice of "
        "it has an address"
    )


def test_a_target_port_that_no_container_names_has_no_endpoints() -> None:
    told = behind(Sandbox(APP, [pod(ports=["http"])], ports=[{"targetPort": "htpp"}]))
    assert told == (
        "the Service shop/checkout has a targetPort `htpp` that no container of Pods app=checkout "
        "names"
    )


@pytest.mark.parametrize(
    ("sandbox", "namespace"),
    [
        (Sandbox(APP, [pod()]), ""),
        (Sandbox({}, [pod()], [by_hand("checkout", {})]), ""),  # someone else made its endpoints
        (Sandbox({}, type="ExternalName"), ""),
        (Sandbox(APP, [pod(ports=["http"])], ports=[{"targetPort": "http"}]), ""),
        (Sandbox(APP, [pod()], ports=[{"targetPort": 8080}, {"port": 80}]), ""),
        (Sandbox(None), ""),
        (Sandbox({"app": "nobody"}), "elsewhere"),  # whose Pods are not watched
    ],
)
def test_where_nothing_is_known_to_be_wrong_nothing_is_said(
    sandbox: Sandbox, namespace: str
) -> None:
    assert behind(sandbox, namespace) == ""


def test_a_probe_that_is_not_steady_says_that_there_are_no_endpoints() -> None:
    with Server() as server:
        server.refuse()
        with running(Http(service="checkout"), server.port, cluster=Sandbox(APP)) as probe:
            probe._clock.until(lambda: probe.progress()[0] > 3, time.monotonic() + 20)
            with pytest.raises(NotMet, match="has no endpoints: app=checkout matches none of 0"):
                probe.wait_steady(time.monotonic())


def test_a_check_of_a_service_without_endpoints_says_so() -> None:
    with Server() as server:
        server.refuse()
        assert VERB.ask is not None
        with pytest.raises(NotMet, match=r"refused.*; the Service shop/checkout has no endpoints"):
            VERB.ask(Http(service="checkout"), Context(server.port, Sandbox(APP)))
