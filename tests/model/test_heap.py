"""What the garbage collector passes over, and for how long."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from resilience.model.heap import only_new_collected


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    assert gc.get_freeze_count() == 0


def test_what_existed_is_passed_over_and_what_is_new_is_collected() -> None:
    old = Cycle()
    before = weakref.ref(old)
    with only_new_collected():
        del old
        new = weakref.ref(Cycle())
        gc.collect()
        assert before() is not None
        assert new() is None
    gc.collect()
    assert before() is None


def test_a_block_within_another_ends_nothing() -> None:
    with only_new_collected():
        with only_new_collected():
            pass
        assert gc.get_freeze_count() > 0


def test_an_error_ends_it_as_well() -> None:
    with pytest.raises(KeyError), only_new_collected():
        raise KeyError
