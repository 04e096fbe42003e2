"""A scenario whose worker died, by `kill -9` or for lack of memory.

What the worker knew is lost, so the controller records that there is no verdict, and how the
changes of the run are undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience.harness.current import session
from resilience.harness.distributed.controller import LOCATED
from resilience.harness.fleet import untouched
from resilience.model.verdict import Outcome

if TYPE_CHECKING:
    import pytest

    from resilience.harness.session import Session


def note(config: pytest.Config, item: str, report: Any) -> None:
    """Record that `item` was cut short, and add what to do to xdist's report of it."""
    located = config.stash.get(LOCATED, {}).get(item)
    ours = session(config)
    if located is None or ours.settings.dry_run:
        return
    member, scenario = located
    there = ours.on(member)
    text = f"its worker process died, so there is no verdict; {_undone(there)}"
    ours.records.append(untouched.record(there, scenario, Outcome.INTERRUPTED, text))
    ours.outcomes[item] = Outcome.INTERRUPTED
    report.longrepr = f"{report.longrepr}\n{text}"


def _undone(there: Session) -> str:
    if there.wants_sandbox:
        return "the sandbox ended with it"
    return (
        f"what it changed is undone by the next run on this cluster, or now by `{there.recovery}`"
    )
