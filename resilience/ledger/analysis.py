"""Determines the result of each write from the reads: the set-full analysis. Pure.

A write is *known* from its acknowledgement, or from the end of the first read that saw it. A read
that began after that must see it. It is **lost** if the last final read that covers it does not;
**stale** if an earlier one did not and a later one did; **never read** if no final read covers it.
A key that exists although its write failed, or that was never written, is a **phantom**; one that
exists twice is **duplicated**. An unknown write may exist or not.

No order of two overlapping operations is assumed, so what is said here is certain: staleness is a
lower bound, and a read that overlaps the acknowledgement is not evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from resilience.ledger.records import Fate, Read, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A write that took place but is missing. `seen` is the end of the last read that saw it, None
    if none ever did."""

    write: Write
    seen: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Counts and names. `stale` maps a key to the longest time, in seconds, that it was certainly
    missing after it was known; `excused` are missing writes that a restore explains."""

    acknowledged: int = 0
    failed: int = 0
    unknown: int = 0
    unsent: int = 0
    recovered: int = 0
    lost: tuple[Lost, ...] = ()
    excused: tuple[Write, ...] = ()
    stale: Mapping[str, float] = field(default_factory=dict)
    duplicated: Mapping[str, int] = field(default_factory=dict)
    corrupt: tuple[str, ...] = ()
    phantom: tuple[str, ...] = ()
    never_read: tuple[str, ...] = ()
    reads: int = 0
    finals: int = 0

    @property
    def sent(self) -> int:
        """Writes that left."""
        return self.acknowledged + self.failed + self.unknown


def analyse(
    writes: Sequence[Write],
    reads: Iterable[Read],
    excused: Iterable[tuple[float, float]] = (),
) -> Analysis:
    """`excused` are spans: what was acknowledged in one may be gone (a restore took the service
    back to a snapshot from before)."""
    ordered = sorted(reads, key=lambda read: read.begun)
    spans = tuple(excused)
    lost: list[Lost] = []
    gone: list[Write] = []
    stale: dict[str, float] = {}
    never: list[str] = []
    covering = _Covering(ordered)
    for write in writes:
        about = covering.of(write.key)
        if not _took_place(write, about):
            continue
        if not any(read.final for read in about):
            never.append(write.key)
            continue
        missing = _missing(write, about)
        if missing and missing[-1] is about[-1] and _excused(write, spans):
            gone.append(write)
        elif missing and missing[-1] is about[-1]:
            lost.append(Lost(write=write, seen=_last_seen(write, about)))
        elif missing and not _excused(write, spans):
            stale[write.key] = missing[-1].begun - _known(write, about)
    fates = Counter(write.fate for write in writes)
    duplicated, corrupt, phantom = _strange(writes, ordered)
    return Analysis(
        acknowledged=fates[Fate.ACKNOWLEDGED],
        failed=fates[Fate.FAILED],
        unknown=fates[Fate.UNKNOWN] + fates[Fate.OPEN],
        unsent=fates[Fate.UNSENT],
        recovered=_recovered(writes, ordered),
        lost=tuple(lost),
        excused=tuple(gone),
        stale=stale,
        duplicated=duplicated,
        corrupt=corrupt,
        phantom=phantom,
        never_read=tuple(never),
        reads=len(ordered),
        finals=sum(read.final for read in ordered),
    )


class _Covering:
    """The reads that cover a key, in order of their beginning."""

    def __init__(self, reads: Sequence[Read]) -> None:
        self._whole = [read for read in reads if read.asked is None]
        self._some: dict[str, list[Read]] = {}
        for read in reads:
            for key in read.asked or ():
                self._some.setdefault(key, []).append(read)

    def of(self, key: str) -> list[Read]:
        some = self._some.get(key)
        if not some:
            return self._whole
        return sorted([*self._whole, *some], key=lambda read: read.begun)


def _took_place(write: Write, about: Sequence[Read]) -> bool:
    """Acknowledged, or without a clear answer and seen by a read."""
    if write.fate in (Fate.UNKNOWN, Fate.OPEN):
        return any(read.saw(write.key) for read in about)
    return write.fate is Fate.ACKNOWLEDGED


def _known(write: Write, about: Sequence[Read]) -> float:
    """The time from which it was certain that the write had taken place."""
    seen = [read.ended for read in about if read.saw(write.key)]
    if write.fate is Fate.ACKNOWLEDGED and write.ended is not None:
        seen.append(write.ended)
    return min(seen)


def _missing(write: Write, about: Sequence[Read]) -> list[Read]:
    known = _known(write, about)
    return [read for read in about if read.begun > known and not read.saw(write.key)]


def _last_seen(write: Write, about: Sequence[Read]) -> float | None:
    return max((read.ended for read in about if read.saw(write.key)), default=None)


def _excused(write: Write, spans: Iterable[tuple[float, float]]) -> bool:
    at = write.ended
    return at is not None and any(since <= at <= until for since, until in spans)


def _recovered(writes: Sequence[Write], reads: Sequence[Read]) -> int:
    """Unknown writes that exist in the end."""
    last = [read for read in reads if read.final]
    unknown = [write for write in writes if write.fate is Fate.UNKNOWN]
    return sum(any(read.saw(write.key) for read in last) for write in unknown)


def _strange(
    writes: Sequence[Write], reads: Sequence[Read]
) -> tuple[Mapping[str, int], tuple[str, ...], tuple[str, ...]]:
    """Values in a read that no correct store shows. Every read counts, since the value was there at
    that time."""
    possible = {
        write.key: write for write in writes if write.fate not in (Fate.FAILED, Fate.UNSENT)
    }
    duplicated: dict[str, int] = {}
    corrupt: set[str] = set()
    phantom: set[str] = set()
    for read in reads:
        corrupt |= read.found.corrupt
        for key, count in read.found.values.items():
            if count > 1:
                duplicated[key] = max(count, duplicated.get(key, 0))
            started = possible[key].invoked if key in possible else None
            if started is None or started > read.ended:
                phantom.add(key)
    return dict(sorted(duplicated.items())), tuple(sorted(corrupt)), tuple(sorted(phantom))
