"""A member's variables are in force for its own work, and no longer."""

from __future__ import annotations

import os

import pytest

from resilience.config.fleet import Member
from resilience.harness.fleet.of_member import environment_of, for_each

EU = Member(name="eu", context="eu", variables={"SHOP": "eu", "ONLY_HERE": "1"})


def test_variables_of_a_member_are_restored_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "before")
    monkeypatch.delenv("ONLY_HERE", raising=False)
    with environment_of(EU):
        assert (os.environ["SHOP"], os.environ["ONLY_HERE"]) == ("eu", "1")
    assert os.environ["SHOP"] == "before"
    assert "ONLY_HERE" not in os.environ


def test_without_a_fleet_nothing_is_set() -> None:
    before = dict(os.environ)
    with environment_of(None):
        assert dict(os.environ) == before


def test_work_is_done_once_for_those_with_the_same_variables() -> None:
    calls: list[str] = []

    def work() -> str:
        calls.append(os.environ.get("SHOP", "none"))
        return calls[-1]

    alike = [Member(name=name, context=name) for name in ("a", "b", "c")]
    found = [(member.name, result) for member, result in for_each([*alike, EU], work)]
    assert [name for name, _ in found] == ["a", "b", "c", "eu"]
    assert found[-1][1] == "eu"
    assert len(calls) == 2
