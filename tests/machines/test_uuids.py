"""UUIDs of firmware, in both byte orders."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from resilience.machines.uuids import same_uuid


@given(st.uuids())
def test_both_byte_orders_are_one_machine(uuid: UUID) -> None:
    assert same_uuid(str(uuid), str(uuid).upper())
    assert same_uuid(str(uuid), str(UUID(bytes=uuid.bytes_le)))


@given(st.uuids(), st.uuids())
def test_uuids_match_only_in_either_byte_order(one: UUID, other: UUID) -> None:
    expected = other.bytes in (one.bytes, one.bytes_le)
    assert same_uuid(str(one), str(other)) is expected


def test_a_text_that_is_no_uuid_is_no_machine() -> None:
    assert not same_uuid("", "")
    assert not same_uuid("Not Settable", "Not Settable")
