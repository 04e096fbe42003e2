"""What the marks of a run's charts mean: only of those that are drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One entry: a `sign` in text, or a patch in the colour of class `patch`."""

    drawn: str
    text: str
    sign: str = ""
    patch: str = ""


KEYS = (
    Key('class="victim"', "a victim", sign="▼"),
    Key('class="limit"', "the objective", sign="╌", patch="limit"),
    Key('class="lost"', "failed requests", patch="lost"),
    Key('class="outage"', "an outage", patch="outage"),
    Key('class="beyond"', "not judged", patch="beyond"),
    Key('class="state ready"', "ready", patch="ready"),
    Key('class="state unready"', "running, not ready", patch="unready"),
    Key('class="state waiting"', "pending", patch="waiting"),
    Key('class="state leaving"', "terminating", patch="leaving"),
    Key('class="state ended"', "succeeded", patch="ended"),
    Key('class="state broken"', "failed", patch="broken"),
    Key('class="event"', "an Event", sign="◆", patch="event"),
    Key('class="event warning"', "a warning", sign="◆", patch="warning"),
)


def legend(drawn: str) -> list[Key]:
    """The keys to all charts of one run; `drawn` is their SVG, one after the other."""
    return [key for key in KEYS if key.drawn in drawn]
