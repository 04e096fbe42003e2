"""The keys that several probes share, each declared once: its description, default and example.

A probe's dataclass names them in the order in which its reference shows them:
`namespace: str = shared_keys.namespace()`.
"""

from __future__ import annotations

from typing import Any

from resilience.model.values import Duration
from resilience.model.verb import parameter
from resilience.probes.prober.launch import MOST_AGENTS


def service(example: str) -> Any:
    """A Service; excludes `host` or `url` of the same group."""
    return parameter("Service to ask.", default="", example=example, one_of="place")


def host() -> Any:
    """A host instead of a Service."""
    return parameter("Host outside the cluster.", default="", one_of="place")


def port(default: int | str) -> Any:
    """The port of either."""
    return parameter("Port, by name or number.", default=default)


def namespace() -> Any:
    """The namespace of the Service, and of the prober's Pod."""
    return parameter("Namespace of the Service, if not the scenario's.", default="")


def depends_on() -> Any:
    """What else counts as harm to the Service; see `resilience.engine.run.vacuous`."""
    return parameter(
        "Other Pods that the Service depends on: harm to them counts as harm to it.",
        default=None,
        example="app=database",
    )


def password() -> Any:
    """A credential of a server."""
    return parameter("Source of the password.", default=None)


def keepalive(asked: str) -> Any:
    """`asked` is what is sent, in the plural."""
    return parameter(f"Keep connections open between {asked}.", default=False)


def timeout(asked: str) -> Any:
    """`asked` is what is sent, in the singular."""
    return parameter(
        f"A {asked} without an answer after this time has failed.",
        default=Duration.of(1),
        example="1s",
    )


def via() -> Any:
    """Where the prober runs."""
    return parameter(
        "Where the prober runs: `direct` beside the test, `pod` in the cluster; `auto` uses a Pod"
        " only if the Service cannot be reached from here.",
        default="auto",
    )


def agents() -> Any:
    """How many probers there are."""
    return parameter(
        "How many Pods share the rate, spread over nodes and zones. What one of them alone cannot"
        " see is reported about its node, and does not fail the service.",
        default=1,
        at_least=1,
        at_most=MOST_AGENTS,
    )
