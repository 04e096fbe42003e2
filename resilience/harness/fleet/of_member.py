"""The session as it acts on one cluster of a fleet."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from resilience.config.fleet import Member

if TYPE_CHECKING:
    from resilience.harness.session import Session

Result = TypeVar("Result")

OWN = ("site", "fleet", "_of_members")
"""What a session derives from its settings, and each other session must derive for itself."""


def session_of(whole: Session, member: Member, tell: Callable[[str], None]) -> Session:
    """Shares records, outcomes, signals, seed, verbs and a held `given` with `whole`; lines that it
    prints begin with the member's name."""
    assert whole.seed is not None  # chosen once, for all
    assert whole.catalogue
    assert whole.given_holder
    ours = copy.copy(whole)
    for name in OWN:
        ours.__dict__.pop(name, None)
    ours.settings = replace(
        whole.settings,
        context=member.context,
        kubeconfig=member.kubeconfig,
        fleet="",
        member=member.name,
    )
    ours.__dict__["fleet"] = {}
    ours._tell = lambda line: tell(f"{member.name}: {line}")
    return ours


def for_each(
    members: Iterable[Member], work: Callable[[], Result]
) -> Iterator[tuple[Member, Result]]:
    """The result of `work` in each member's environment. `work` is called once for all members with
    the same variables, so that a file is not read a thousand times."""
    done: dict[tuple[tuple[str, str], ...], Result] = {}
    for member in members:
        key = tuple(sorted(member.variables.items()))
        if key not in done:
            with environment_of(member):
                done[key] = work()
        yield member, done[key]


@contextmanager
def environment_of(member: Member | None) -> Iterator[None]:
    """Sets the member's variables in this process's environment, where plans, stores and plugins of
    kubeconfigs read them; restores the former ones after the block."""
    if member is None or not member.variables:
        yield
        return
    before = {name: os.environ.get(name) for name in member.variables}
    os.environ.update(member.variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
