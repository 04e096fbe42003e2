"""What an option names and a snapshot does not hold: one rule for every option of a restore.

A name with a mistake in it changes too little, and nobody notices: so each is named, with what is
there instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resilience.model.nearest import did_you_mean

RESTORED = "what is restored"
"""Where an option for changes to objects takes effect."""

SHOWN = 8
"""Names that are listed."""


def without_effect(
    option: str, value: str, there_is: Iterable[str], what: str, word: str = "",
    among: str = "the snapshot",
) -> str:  # fmt: skip
    """A line about `option value`. `there_is` are the names among which one was meant, `what` they
    are, in the plural; `word` is the part of the value that is such a name; `among` is where it
    was looked for."""
    names = sorted(set(there_is) - {""})
    meant = did_you_mean(word or value, names)
    return f"{option} {value} matches nothing in {among}{meant}; {_held(names, what)}"


def _held(names: Sequence[str], what: str) -> str:
    if not names:
        return f"it has no {what}"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"its {what}: {', '.join(names[:SHOWN])}{more}"
