"""Runs a ledger: it writes while the scenario runs, reads after healing, and judges by sets.

Steady is ten acknowledged writes in a row. `conclude` is called when the window of judgement is
over and before anything is undone: a copy that a restore made still exists then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.cluster.interface import NAMESPACES
from resilience.cluster.reach import OUTSIDE
from resilience.ledger import promises, reading, restored
from resilience.ledger.analysis import Analysis, analyse
from resilience.ledger.drivers.session import Open
from resilience.ledger.history import History, NotWritten
from resilience.ledger.promises import Allow
from resilience.ledger.reading import Patience
from resilience.ledger.records import Fate, Found, Span, Strike, Write
from resilience.ledger.writers import Writers
from resilience.model.report import ProbeRecord
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Step
from resilience.model.verb import Phase
from resilience.model.verdict import Finding, Result, Window
from resilience.model.words import many
from resilience.verbs.context import NotMet, ProbeContext

STEADY = 10
ELSEWHERE = (
    f"a ledger writes from where pytest runs, and {OUTSIDE}run pytest in a Pod of the cluster, or "
    "write to a `host`, or by `exec`"
)
SNAPSHOT, RESTORE = "snapshot", "restore"
_ANSWERS = {
    Fate.ACKNOWLEDGED: Answer.GOOD,
    Fate.FAILED: Answer.REFUSED,
    Fate.UNKNOWN: Answer.TIMEOUT,
    Fate.OPEN: Answer.TIMEOUT,
    Fate.UNSENT: Answer.UNSENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a ledger does. `copy` is set if a restored copy is read as well; `each` if there is no
    listing; `outside` if it writes to a Service from outside of the cluster."""

    prefix: str
    home: str
    rate: float
    size: int
    timeout: float
    sampled: float
    patience: Patience
    allow: Allow
    each: bool
    outside: bool = False
    title: str
    copy: Open | None = None
    copied: str = ""


class LedgerProbe:
    """`resilience.verbs.context.RunningProbe` and `Concluding`."""

    def __init__(
        self, step: Step, context: ProbeContext, order: Order, open_: Open, directory: Path
    ) -> None:
        self._step, self._context, self._order, self._open = step, context, order, open_
        self._history = History(directory / f"{order.prefix}jsonl",
                                {"run": context.run, "ledger": self.name})  # fmt: skip
        self._trouble = "the run ended before the final read"
        self._copy: Found | str = "the run ended before the copy was read"
        self._analysis: Analysis | None = None
        self._stopped = self._concluded = False
        self._strikes: list[Strike] = []
        self._spans: dict[str, list[Span]] = {SNAPSHOT: [], RESTORE: []}
        self._writers = Writers(
            open_, self._history, order.prefix, interval=1 / order.rate, timeout=order.timeout,
            size=order.size, sampled=order.sampled, random=_random(context.run, step),
            changed=getattr(context.clock, "poke", lambda: None),
        )  # fmt: skip
        self._writers.start()

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Ten acknowledged writes in a row, without an unclear one between."""

        def ready() -> bool:
            return self._history.streak >= STEADY or bool(self._writers.trouble)

        self._context.clock.until(ready, deadline)
        if self._writers.trouble:
            raise NotMet(f"{self._order.title}: {self._writers.trouble}", final=True)
        if self._history.streak < STEADY:
            raise NotMet(f"{self._order.title} is not steady: expected {STEADY} acknowledged "
                         f"writes in a row, {self._last()}")  # fmt: skip

    def progress(self) -> tuple[int, int]:
        """(planned, acknowledged)."""
        return len(self._history.writes), self._history.acknowledged

    def below(self) -> str:
        """A ledger has no abort condition."""
        return ""

    def stop(self) -> None:
        """Stop writing; answers of writes in flight are still collected. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        self._writers.stop(2 * self._order.timeout + 1)
        self._strikes, self._spans = self._struck()

    def conclude(self) -> None:
        """Carry out the final reads, also of the copy."""
        if self._concluded:
            return
        self._concluded = True
        try:
            self._trouble = self._writers.trouble or reading.final_reads(
                self._open, self._history, self._order.patience, each=self._order.each,
                cancelled=lambda: self._context.aborted,
            )  # fmt: skip
        except NotWritten as error:
            self._trouble = str(error)
        if self._order.copy is not None:
            self._copy = reading.copy_read(
                self._order.copy, self._order.patience, lambda: self._context.aborted
            )

    def judge(self, window: Window) -> Sequence[Finding]:
        """Every promise over all writes of the run; the window decides whether they were enough."""
        writes = self._history.writes
        mine = [each for each in self._spans[RESTORE] if each.name == self._order.home]
        excused = restored.excused(self._spans[SNAPSHOT], mine)
        self._analysis = analyse(writes, self._history.reads, excused)
        stakes = promises.power(writes, self._strikes, window.since, window.until)
        found = promises.findings(self.name, self._analysis, self._order.allow, stakes,
                                  self._strikes, self._trouble)  # fmt: skip
        if self._order.copy is not None:
            found += self._of_copy(writes)
        self._history.close(keep=any(each.result is not Result.PASSED for each in found))
        return found

    def record(self) -> ProbeRecord:
        """Each write as a sample, and the analysis as facts."""
        writes = self._history.writes
        facts: dict[str, Any] = {"kind": "ledger", "target": self._order.title,
                                 "timeout": self._order.timeout,
                                 "trouble": self._writers.trouble}  # fmt: skip
        if self._history.path.exists():
            facts["file"] = str(self._history.path)
        if self._analysis is not None:
            facts["ledger"] = _figures(self._analysis)
        self._history.close(keep=self._history.path.exists())
        samples = tuple(_sample(write) for write in writes)
        return ProbeRecord(name=self.name, title=self._step.title, rate=self._order.rate,
                           samples=samples, facts=facts)  # fmt: skip

    def _of_copy(self, writes: Sequence[Write]) -> list[Finding]:
        if isinstance(self._copy, str):
            return promises.of_restore(self.name, None, f"the copy was not read: {self._copy}")
        copies = [each for each in self._spans[RESTORE] if each.name == self._order.copied]
        taken = [each for each in self._spans[SNAPSHOT]
                 if copies and each.until <= copies[-1].since]  # fmt: skip
        if not taken:
            return promises.of_restore(self.name, None, "this run made no snapshot and restored "
                                       f"it into {self._order.copied}")  # fmt: skip
        found = restored.recovery(writes, self._copy, taken[-1], copies[-1])
        return promises.of_restore(self.name, found)

    def _struck(self) -> tuple[list[Strike], dict[str, list[Span]]]:
        """What the run did: strikes, and the spans of snapshots and restores."""
        done = {each.path: each for each in self._context.records}
        strikes = [Strike(at=each.struck, text=f"{each.step} struck {each.namespace}/{each.name}")
                   for each in self._context.victims]  # fmt: skip
        spans: dict[str, list[Span]] = {SNAPSHOT: [], RESTORE: []}
        for change in self._context.changes:
            record = done.get(change.step)
            verb = record.verb if record else ""
            if record is not None and verb in spans and change.kind == NAMESPACES.kind:
                until = self._context.clock.monotonic() if record.ended is None else record.ended
                spans[verb].append(Span(since=record.started, until=until, name=change.name))
            elif change.phase is Phase.WHEN:
                strikes.append(Strike(at=change.since, text=f"{change.step} ({change.text})"))
        return sorted(strikes, key=lambda each: each.at), spans

    def _last(self) -> str:
        """The results of the last writes, as text."""
        ended = [each for each in self._history.writes if each.fate is not Fate.OPEN]
        if not ended:
            return "but none has ended yet"
        bad = [each for each in ended if each.fate is not Fate.ACKNOWLEDGED]
        why = f"; last: {bad[-1].fate.value}, {bad[-1].why}" if bad else ""
        if self._order.outside and not self._history.acknowledged:
            why += f"; {ELSEWHERE}"
        return f"but only {many(self._history.acknowledged, 'write')} of {len(ended)} were{why}"


def _random(run: str, step: Step) -> Any:
    from random import Random

    return Random(f"{run}/{step.path}")


def _sample(write: Write) -> Sample:
    ended = write.intended if write.ended is None else write.ended
    return Sample(seq=write.seq, intended=write.intended, sent=write.invoked, ended=ended,
                  answer=_ANSWERS[write.fate], by=write.by)  # fmt: skip


def _figures(found: Analysis) -> Mapping[str, Any]:
    return {
        "acknowledged": found.acknowledged,
        "failed": found.failed,
        "unknown": found.unknown,
        "recovered": found.recovered,
        "not sent": found.unsent,
        "lost": [each.write.key for each in found.lost],
        "gone with the restore": len(found.excused),
        "stale": len(found.stale),
        "duplicated": len(found.duplicated),
        "corrupt": list(found.corrupt),
        "phantom": list(found.phantom),
        "never read": len(found.never_read),
        "final reads": found.finals,
    }
