"""Relates lost writes to faults, and finds what the losses have in common. Pure.

A store that loses what it acknowledged loses it at the next fault: the write is attributed to the
first strike that came after it was sent, else to the last one before. That is a statement about
time, not about cause, and the wording reflects that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from resilience.ledger.analysis import Lost
from resilience.ledger.records import Fate, Strike, Write
from resilience.model.words import many, span

SHOWN = 10
"""Lost keys that are listed one by one."""


def active(write: Write, strikes: Sequence[Strike]) -> tuple[Strike, float] | None:
    """The fault, and its seconds after (negative: before) the acknowledgement; None where nothing
    was struck."""
    ended = write.intended if write.ended is None else write.ended
    sent = ended if write.invoked is None else write.invoked
    after = [strike for strike in strikes if strike.at >= sent]
    before = [strike for strike in strikes if strike.at < sent]
    if after:
        chosen = min(after, key=lambda each: each.at)
    elif before:
        chosen = max(before, key=lambda each: each.at)
    else:
        return None
    return chosen, chosen.at - ended


def told(lost: Lost, strikes: Sequence[Strike]) -> str:
    """One lost key in one line."""
    write = lost.write
    by = f" by {write.by}" if write.by else ""
    seen = ", read once after that" if lost.seen is not None else ""
    what = "acknowledged" if write.fate is Fate.ACKNOWLEDGED else "without a clear answer"
    return f"{write.key}: {what}{by}{_when(write, strikes)}{seen}"


def summary(lost: Sequence[Lost], strikes: Sequence[Strike]) -> list[str]:
    """Who acknowledged them and around which fault, then the first of them one by one."""
    lines = []
    pods = Counter(each.write.by for each in lost if each.write.by)
    if pods:
        lines.append(
            "acknowledged by "
            + ", ".join(f"{by} ({count} of them)" for by, count in pods.most_common(5))
        )
    faults = Counter(
        found[0].text for each in lost if (found := active(each.write, strikes)) is not None
    )
    lines += [f"{many(count, 'write')} around {text}" for text, count in faults.most_common(5)]
    lines += [told(each, strikes) for each in lost[:SHOWN]]
    if len(lost) > SHOWN:
        lines.append(f"and {len(lost) - SHOWN} more, in the ledger's file")
    return lines


def _when(write: Write, strikes: Sequence[Strike]) -> str:
    found = active(write, strikes)
    if found is None:
        return ""
    strike, apart = found
    return f" {span(abs(apart))} {'before' if apart >= 0 else 'after'} {strike.text}"
