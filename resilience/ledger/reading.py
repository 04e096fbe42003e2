"""The final reads: they begin after healing, are tried until they answer, and repeated.

A store may need a moment until every reader sees every write. So everything is read again until no
acknowledged write is missing in two consecutive readings, or `settle` has passed. Writes that are
missing then are lost. A store that returns a different half each time never passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from resilience.ledger.drivers.session import Open, Session, Unreadable, Unusable
from resilience.ledger.history import History
from resilience.ledger.records import Fate, Found, Read

AGAIN = 0.1
"""Seconds between two readings."""

IN_A_ROW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """`timeout`: seconds until the first answer. `settle`: seconds from then until everything
    acknowledged must be seen."""

    timeout: float
    settle: float


def final_reads(
    open_: Open, history: History, patience: Patience, *, each: bool,
    cancelled: Callable[[], bool] = lambda: False, pause: Callable[[float], object] = time.sleep,
) -> str:  # fmt: skip
    """Reads into `history`; returns why nothing could be read, "" if it was. With `each` the store
    has no listing, and every key is read separately."""
    writes = history.writes
    known = {write.key for write in writes if write.fate is Fate.ACKNOWLEDGED}
    asked = frozenset(write.key for write in writes if write.invoked is not None) if each else None
    deadline, trouble, whole = time.monotonic() + patience.timeout, "", 0
    session: Session | None = None
    answered = False
    while not cancelled():
        begun = time.monotonic()
        try:
            session = session or open_()
            found = _all(session, asked, cancelled) if asked is not None else session.every()
        except Unusable as error:
            trouble = str(error)
            break
        except Unreadable as error:
            trouble, whole = str(error), 0
            if session is not None:
                session.close()
        else:
            history.read(Read(begun=begun, ended=time.monotonic(), found=found, asked=asked,
                              final=True))  # fmt: skip
            if not answered:
                answered, deadline = True, time.monotonic() + patience.settle
            whole = whole + 1 if known <= {*found.values, *found.corrupt} else 0
            if whole == IN_A_ROW:
                break
        if time.monotonic() >= deadline:
            break
        pause(AGAIN)
    if session is not None:
        session.close()
    return "" if answered else trouble or "the final read was interrupted"


def _all(session: Session, keys: Iterable[str], cancelled: Callable[[], bool]) -> Found:
    """Read every key separately; one unreadable key makes the whole reading unusable."""
    counts: dict[str, int] = {}
    corrupt: set[str] = set()
    for key in sorted(keys):
        if cancelled():
            raise Unreadable("interrupted")
        found = session.get(key)
        counts |= found.values
        corrupt |= found.corrupt
    return Found(values=counts, corrupt=frozenset(corrupt))


def copy_read(open_: Open, patience: Patience, cancelled: Callable[[], bool]) -> Found | str:
    """One whole reading of a restored copy, tried until it answers; else why it did not."""
    deadline = time.monotonic() + patience.timeout
    while True:
        session: Session | None = None
        try:
            session = open_()
            return session.every()
        except Unusable as error:
            return str(error)
        except Unreadable as error:
            if cancelled() or time.monotonic() >= deadline:
                return str(error)
        finally:
            if session is not None:
                session.close()
        time.sleep(AGAIN)
