"""What a Node object says of its machine, and what a journal keeps of that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from resilience.cluster.capabilities.machine_driver import NodeIdentity

TEXT = st.text(max_size=20)


@given(TEXT, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_the_identity_of_a_node_survives_the_journal(
    name: str, provider: str, uuid: str, machine: str, addresses: list[str]
) -> None:
    identity = NodeIdentity(
        name=name,
        provider_id=provider,
        system_uuid=uuid,
        machine_id=machine,
        addresses=tuple(addresses),
    )
    assert NodeIdentity.from_json(identity.as_json()) == identity


def test_a_node_that_says_nothing_has_an_empty_identity() -> None:
    assert NodeIdentity.of({"metadata": {"name": "n1"}}) == NodeIdentity(name="n1")
    assert NodeIdentity.from_json({"addresses": "10.0.0.7"}) == NodeIdentity(name="")
