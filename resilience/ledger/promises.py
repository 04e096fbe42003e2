"""The objectives of a ledger, compared with its analysis: findings. Pure.

A ledger with too few writes while the fault lasted proves nothing: not measured, unless it still
found a loss. The same applies to a ledger whose keys were never read after healing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resilience.ledger import attribution
from resilience.ledger.analysis import Analysis
from resilience.ledger.records import Fate, Strike, Write
from resilience.ledger.restored import Recovery
from resilience.model.finding import Figure, Finding, Reason, Result, Unit
from resilience.model.values import Duration, Share
from resilience.model.verb import parameter
from resilience.model.words import many, percent, span

LEAST = 50
"""Writes that must have been sent while the fault was judged."""

AT_RISK = 1.0
"""Seconds before a strike in which at least one write must have been acknowledged: what a store
loses is what it acknowledged last."""

LOST = "lost"
"""What reports compare over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """What is tolerated for writes; nothing by default."""

    lost: int = parameter("Acknowledged writes that may be missing.", default=0, at_least=0)
    stale: Duration = parameter(
        "How long a read may miss a write after it was acknowledged; 0s for a store that must "
        "return each write at once.",
        default=Duration.of(0),
        example="2s",
    )
    duplicated: int = parameter("Writes that may exist more than once.", default=0, at_least=0)
    corrupt: int = parameter("Values that may differ from what was sent.", default=0, at_least=0)
    phantom: int = parameter("Writes that may exist although they failed.", default=0, at_least=0)
    unknown: Share | None = parameter(
        "Share of the writes that may end without a clear answer; not judged by default.",
        default=None,
        example="1%",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Whether enough was at stake: writes sent in the window, and per strike the acknowledgements
    of the second before it. `doubt` says what is missing, "" if nothing is."""

    sent: int
    doubt: str = ""


def power(writes: Sequence[Write], strikes: Sequence[Strike], since: float, until: float) -> Power:
    """Whether the writes in a window are enough evidence."""
    sent = sum(each.invoked is not None and since <= each.invoked <= until for each in writes)
    if sent < LEAST:
        return Power(sent=sent, doubt=f"{many(sent, 'write')} during the fault, {LEAST} needed: "
                     "no power; raise `rate` or let the fault last longer")  # fmt: skip
    acknowledged = [each.ended for each in writes
                    if each.ended is not None and each.fate is Fate.ACKNOWLEDGED]  # fmt: skip
    for strike in strikes:
        if not since - AT_RISK <= strike.at <= until:
            continue
        if any(strike.at - AT_RISK <= at for at in acknowledged if at <= strike.at):
            return Power(sent=sent)
    if not strikes:
        return Power(sent=sent)
    return Power(sent=sent, doubt="no write was acknowledged in the second before "
                 f"{strikes[0].text}: nothing was at stake; raise `rate`")  # fmt: skip


def findings(
    name: str, analysis: Analysis, allow: Allow, stakes: Power, strikes: Sequence[Strike],
    trouble: str = "",
) -> list[Finding]:  # fmt: skip
    """One finding for each promise."""
    case = _Case(name, analysis, allow, stakes, strikes, trouble)
    return list(case.all())


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    analysis: Analysis
    allow: Allow
    stakes: Power
    strikes: Sequence[Strike]
    trouble: str

    def all(self) -> Iterator[Finding]:
        yield self._lost()
        yield self._stale()
        found = self.analysis
        yield self._count("duplicated", self.allow.duplicated, list(found.duplicated))
        yield self._count("corrupt", self.allow.corrupt, found.corrupt)
        yield self._count("phantom", self.allow.phantom, found.phantom)
        if self.allow.unknown is not None:
            yield self._unknown(self.allow.unknown)

    def _doubt(self) -> str:
        """Why a met objective would prove nothing."""
        found = self.analysis
        if self.trouble:
            return self.trouble
        if not found.acknowledged:
            return "no write was acknowledged"
        if found.never_read:
            return (f"{many(len(found.never_read), 'acknowledged write')} never read after "
                    "healing: the final read did not answer")  # fmt: skip
        return self.stakes.doubt

    def _lost(self) -> Finding:
        found, limit = self.analysis, self.allow.lost
        count = len(found.lost)
        text = f"{count} lost of {many(found.acknowledged, 'acknowledged write')}"
        if found.excused:
            text += f", {len(found.excused)} more gone with the restore"
        detail = [*attribution.summary(found.lost, self.strikes), self._tally()]
        return self._finding(LOST, limit, count, text, detail)

    def _stale(self) -> Finding:
        worst = max(self.analysis.stale.values(), default=0.0)
        limit = self.allow.stale.seconds
        count = len(self.analysis.stale)
        text = "no read missed a write that was known"
        if count:
            text = (
                f"{many(count, 'write')} missed by a read, up to {span(worst)} after it was known"
            )
        late = [key for key, seconds in self.analysis.stale.items() if seconds > limit]
        broken = bool(late) if limit else bool(count)
        doubt = "" if broken else self._doubt()
        if not doubt and not broken and not self.analysis.reads:
            doubt = "nothing was read"
        return self._made("stale", f"at most {self.allow.stale}", limit, worst, Unit.SECONDS, text,
                          late[: attribution.SHOWN], broken=broken, doubt=doubt)  # fmt: skip

    def _count(self, what: str, limit: int, keys: Sequence[str]) -> Finding:
        text = f"{len(keys)} {what}"
        return self._finding(what, limit, len(keys), text, list(keys[: attribution.SHOWN]))

    def _unknown(self, share: Share) -> Finding:
        found = self.analysis
        part = found.unknown / found.sent if found.sent else 0.0
        text = f"{found.unknown} of {many(found.sent, 'write')} without a clear answer"
        broken = found.unknown > share.exact * found.sent
        return self._made("unknown", f"at most {share}", float(share.exact), part, Unit.RATIO,
                          f"{text} ({percent(part)})", [], broken=broken,
                          doubt="" if broken else self._doubt())  # fmt: skip

    def _finding(
        self, what: str, limit: int, count: int, text: str, detail: Sequence[str]
    ) -> Finding:
        broken = count > limit
        return self._made(what, f"at most {limit}" if limit else "none", limit, count, Unit.COUNT,
                          text, detail, broken=broken,
                          doubt="" if broken else self._doubt())  # fmt: skip

    def _made(
        self, what: str, promised: str, limit: float, value: float, unit: Unit, text: str,
        detail: Sequence[str], *, broken: bool, doubt: str,
    ) -> Finding:  # fmt: skip
        result = Result.NOT_MEASURED if doubt else Result.PASSED
        return Finding(
            name=f"{self.name}.{what}",
            figure=Figure.LOST if what == LOST else None,
            subject=self.name,
            result=Result.FAILED if broken else result,
            reason=Reason.UNOBSERVED if doubt and not broken else None,
            limit=float(limit),
            value=float(value),
            unit=unit,
            promised=f"{promised} {what}" if unit is Unit.COUNT else f"{promised}",
            measured=f"{text}; {doubt}" if doubt else text,
            detail=tuple(detail),
        )

    def _tally(self) -> str:
        found = self.analysis
        return (f"{found.acknowledged} acknowledged, {found.failed} failed, {found.unknown} "
                f"unknown ({found.recovered} of them are there), {found.unsent} not sent; "
                f"{self.stakes.sent} sent during the fault; {many(found.finals, 'final read')}"
                )  # fmt: skip


def of_restore(name: str, found: Recovery | None, trouble: str = "") -> list[Finding]:
    """What a restored copy holds; `trouble` says why it could not be read."""
    promised = "every write that was acknowledged before the snapshot, and none sent after it"
    if found is None or not found.bound:
        text = trouble or "no write was acknowledged before the snapshot began"
        return [Finding(name=f"{name}.restored", subject=name, result=Result.NOT_MEASURED,
                        reason=Reason.UNOBSERVED, promised=promised, measured=text)]  # fmt: skip
    wrong = len(found.missing) + len(found.later)
    text = f"{found.bound - len(found.missing)} of {found.bound} are in the copy"
    if found.later:
        text += f", and {many(len(found.later), 'write')} sent after the snapshot had ended"
    lost = f"recovery point: {many(found.lost_writes, 'acknowledged write')} not in the copy"
    if found.lost_seconds is not None:
        lost += f"; its newest is {span(found.lost_seconds)} older than the restore"
    keys = [f"missing: {each.key}" for each in found.missing[: attribution.SHOWN]]
    keys += [f"sent after the snapshot: {each.key}" for each in found.later[: attribution.SHOWN]]
    return [Finding(name=f"{name}.restored", subject=name, unit=Unit.COUNT, limit=0.0,
                    result=Result.FAILED if wrong else Result.PASSED, value=float(wrong),
                    promised=promised, measured=f"{text}; {lost}",
                    detail=tuple(keys))]  # fmt: skip
