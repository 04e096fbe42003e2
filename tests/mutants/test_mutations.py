"""The driver itself: which changes it finds, and that a changed function really behaves so."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.mutants import forks, mutations

SOURCE = """
from functools import lru_cache


class Gate:
    @property
    def width(self):
        return 3

    def admits(self, guests, known):
        if guests < self.width and known:
            return [g for g in range(guests) if g != 1]
        return []


@lru_cache
def twice(n):
    return n * 2
"""


def found(tmp_path: Path) -> list[mutations.Mutation]:
    (tmp_path / "gate.py").write_text(SOURCE)
    return mutations.of_file(tmp_path, "gate.py")


def test_each_kind_of_change_is_found_once(tmp_path: Path) -> None:
    texts = [f"{m.function}: {m.what}" for m in found(tmp_path)]
    assert texts == [
        "twice: return None for n * 2",
        "twice: n / 2",
        "twice: 3",
        "width: return None for 3",
        "width: 4",
        "admits: guests < self.width or known",
        "admits: known (a clause left out)",
        "admits: guests < self.width (a clause left out)",
        "admits: guests <= self.width",
        "admits: guests >= self.width",
        "admits: return None for [g for g in range(guests) if g != 1]",
        "admits: without if g != 1",
        "admits: g == 1",
        "admits: 2",
        "admits: return None for []",
    ]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("known (a clause left out)", [0, 2, 3, 4]),
        ("guests <= self.width", []),
        ("guests >= self.width", [0, 2, 3, 4]),
        ("return None for []", None),
    ],
)
def test_a_running_function_gets_the_change(tmp_path: Path, what: str, value: object) -> None:
    mutation = next(m for m in found(tmp_path) if m.what == what)
    path = tmp_path / "gate.py"
    spec = importlib.util.spec_from_file_location("gate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.Gate().admits(5, True) == []
    forks.exchange(tmp_path, forks.loaded(tmp_path), mutation)
    assert module.Gate().admits(5, True) == value
    assert sys.modules.get("gate") is None


def test_a_function_that_is_not_loaded_cannot_be_changed(tmp_path: Path) -> None:
    (tmp_path / "gate.py").write_text(SOURCE)
    other = tmp_path / "other"
    other.mkdir()
    mutation = found(other)[0]
    with pytest.raises(LookupError, match="no such function"):
        forks.exchange(other, forks.loaded(other), mutation)
