"""The permissions to see who uses a namespace are those with which it is looked at, no others."""

from __future__ import annotations

import pytest

from resilience.actions.undo import namespace_users
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import NAMESPACES, Object, Resource
from resilience.cluster.permit.namespace_kinds import DATA, WORKLOADS, rights
from resilience.verbs.context import ActionFailed
from tests.engine.helpers import World, world


@pytest.fixture
def here() -> World:
    return world()


def space(here: World) -> Object:
    return here.cluster.put(NAMESPACES, {"metadata": {"name": "made"}})


def test_what_is_listed_is_what_is_declared(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[tuple[str, str, str]] = []

    def seen(resource: Resource, namespace: str = "", **_: str) -> list[Object]:
        listed.append((resource.group, resource.plural, namespace))
        return []

    monkeypatch.setattr(here.cluster, "list", seen)
    assert namespace_users.of(here.cluster, space(here)) == []
    declared = [(each.group, each.resource, each.namespace) for each in rights("made")]
    assert sorted(listed) == sorted(declared)
    assert {each.verb for each in rights("made")} == {"list"}


@pytest.mark.parametrize("hidden", [*WORKLOADS, *DATA], ids=lambda each: str(each.plural))
def test_a_namespace_that_cannot_be_seen_whole_is_left_and_the_permission_is_named(
    here: World, monkeypatch: pytest.MonkeyPatch, hidden: Resource
) -> None:
    what = f'{hidden.plural} is forbidden: User "ci" cannot list resource "{hidden.plural}"'

    def seen(resource: Resource, namespace: str = "", **_: str) -> list[Object]:
        if resource == hidden:
            raise Forbidden(403, what)
        return []

    monkeypatch.setattr(here.cluster, "list", seen)
    with pytest.raises(ActionFailed, match="namespace made is not deleted") as told:
        namespace_users.of(here.cluster, space(here))
    assert f'cannot list resource "{hidden.plural}"' in str(told.value)
    assert "`resilience rbac` prints the permissions" in str(told.value)
