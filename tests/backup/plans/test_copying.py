"""A copy in another store is whole, or never visible."""

from __future__ import annotations

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    Tampered,
)
from resilience.backup.plans.copying import copy
from resilience.backup.store.memory import MemoryStore
from tests.backup.fakes import FakeClock, shop
from tests.backup.plans.shop_plan import clocked, due_run


def test_a_copy_is_whole_and_intact() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    other = MemoryStore()
    copy(store, other, "shop-20260301020000", clock=FakeClock())
    assert verify(opened(other, "shop-20260301020000")).intact


def test_a_copy_of_other_bytes_than_were_written_is_never_visible() -> None:
    clock, store = clocked()
    due_run(shop(), store, clock)
    name = "shop-20260301020000"
    store.files[layout.archive(name)] += b"x"
    other = MemoryStore()
    with pytest.raises(Tampered, match=r"tar\.gz was changed"):
        copy(store, other, name, clock=FakeClock())
    assert not any(layout.is_marker(key) for key in other.files)
