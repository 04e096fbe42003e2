"""Each verb passes for a ServiceAccount with exactly the printed permissions; with one of them
taken away the preflight refuses it and names that one. RBAC decides, on the sandbox.

The subject and the steps are those of `test_declared_permissions`, which compares the requests of
a run with what is declared; here nothing but the server's own answer counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resilience.cluster.access.embedded import Embedded
from resilience.cluster.permit.door import Permit
from resilience.cluster.transport import HttpCluster
from resilience.engine.guard import preflight, rbac
from resilience.engine.guard.permissions import RUN, Need, needed
from resilience.engine.plan.scenario_reach import of_scenario
from resilience.verbs.context import Refused
from tests.engine.guard.test_declared_permissions import (
    SPACE,
    WHEN,
    WHILE,
    ready,
    scenario,
    subject,
)
from tests.real_cluster import account, applied, deleted, opened
from tests.recording import carried_out

__all__ = ["ready", "subject"]

LEAST = rbac.Subject("ServiceAccount", "least", "default")
SERVICE_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: least, namespace: default}
"""


@pytest.fixture
def least(folder: Path, ready: HttpCluster, embedded: Embedded) -> Iterator[HttpCluster]:
    """The cluster as a ServiceAccount without any permission of its own sees it."""
    applied(ready, SERVICE_ACCOUNT)
    with opened(account(ready, embedded, folder, "least", "default")) as cluster:
        yield cluster


@contextmanager
def granted(admin: HttpCluster, needs: list[Need]) -> Iterator[None]:
    """What is printed for these needs, and no more."""
    roles = applied(admin, rbac.text(rbac.manifests(needs, LEAST)))
    try:
        yield
    finally:
        deleted(admin, roles)


@pytest.mark.parametrize("name", [*WHEN, *WHILE])
def test_a_verb_passes_with_what_is_printed_and_names_what_is_taken_away(
    folder: Path, ready: HttpCluster, least: HttpCluster, name: str
) -> None:
    wanted = scenario(folder, name)
    reach = of_scenario(wanted, SPACE)
    permit = Permit(title=name, namespaces=reach.namespaces, nodes=reach.nodes)
    least = least.under(permit).equipped(ready.means)
    needs = list(needed(wanted, SPACE))
    with granted(ready, needs):
        preflight.ask(least, wanted, SPACE, "")
        carried_out(wanted, least, folder)
    own = [need for need in needs if need.why != (RUN,) and not need.right.optional]
    for without in {id(need): need for need in (own[0], own[len(own) // 2], own[-1])}.values():
        with (
            granted(ready, [need for need in needs if need is not without]),
            pytest.raises(Refused, match="lacks 1 permission in") as told,
        ):
            preflight.ask(least, wanted, SPACE, "")
        who = RUN if RUN in without.why else "`"
        assert f"  {preflight.phrase(without.right)}: for {who}" in str(told.value)
        assert "kubectl apply -f -" in str(told.value)
