"""Progress while a scenario runs: lines that stay, and on a terminal one line that moves.

Lines are only ever appended, so that logs and pipes read well; the moving line (the current step
and each probe's availability so far) is drawn by rich, and only on a terminal. Terminal features
are never forced. The caller provides `out`, which prints past pytest's capture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import IO, Any, Protocol

from resilience.model.masks import shown
from resilience.model.progress import listening
from resilience.model.timeline import Entry, What
from resilience.model.words import percent
from resilience.report.how_far import Tasks

SETTLING = "settling"
"""The name that is shown for the time between the end of `when` and the end of measuring."""

REDRAW = 0.15
"""Seconds between two drawings of the moving line."""

_SIGNS = {What.VICTIM: "▼", What.PROOF: "✓", What.UNDO: "↩", What.PROBE: "∿"}


class Measuring(Protocol):
    """What the moving line needs from a probe."""

    @property
    def name(self) -> str: ...
    def progress(self) -> tuple[int, int]: ...


class Live:
    """Prints entries as they arrive. Safe to call from any thread, in the order of the calls."""

    def __init__(self, out: Callable[[str], None]) -> None:
        self._out = out
        self._zero: float | None = None
        self._probes: list[Measuring] = []
        self._settled = 0.0
        self.step = ""
        self.tasks = Tasks()
        """Long pieces of work within a step."""

    def restart(self) -> None:
        """The next entries belong to another run."""
        self._zero = None
        self._probes.clear()
        self.step = ""

    def entry(self, entry: Entry) -> None:
        """One event."""
        if self._zero is None:
            self._zero = entry.monotonic
        if entry.what is What.STEP:
            self.step = entry.text if entry.facts.get("state") == "started" else ""
        elif entry.what is What.RUN:
            self.step = SETTLING if entry.facts.get("state") == "when ended" else ""
            self._settled = entry.monotonic + float(entry.facts.get("settle", 0.0))
        elif entry.what is What.UNDO and entry.facts.get("state") != "recorded":
            self.step = "undoing"
        if tells(entry):
            with suppress(OSError):  # the terminal was closed; the run continues
                self._out(shown(line(entry, self._zero)))

    def probe(self, probe: Measuring) -> None:
        """Show this probe's availability from now on."""
        self._probes.append(probe)

    def moving(self, now: float) -> str:
        """The moving line: the step, and each probe's availability. `now` is monotonic."""
        step = self.step or "…"
        if self.step == SETTLING:
            left = self._settled - now
            step += f", {left:.0f}s left" if left > 0 else ", until every victim is gone"
        shares = [f"{probe.name} {so_far(*probe.progress())}" for probe in self._probes]
        return shown("   ".join([step, *shares, *self.tasks.lines(older=0.5)]))

    def tell(self, text: str) -> None:
        """Show the progress of a task next to the entries."""
        with suppress(OSError):
            self._out(shown(f"{'':>11}{text}"))


def tells(entry: Entry) -> bool:
    """Whether the entry is of interest to a person who watches."""
    state = entry.facts.get("state")
    if entry.what is What.STEP:
        return state != "started"
    if entry.what is What.UNDO:
        return state != "recorded"
    return entry.what in (What.RUN, What.VICTIM, What.PROOF, What.PROBE, What.NOTE)


def line(entry: Entry, zero: float) -> str:
    """`  +3.21s ▼ Pod shop/checkout-x: chosen at random`."""
    sign = "✗" if entry.facts.get("state") == "failed" else _SIGNS.get(entry.what, " ")
    first = entry.text.partition("\n")[0]
    return f"{entry.monotonic - zero:+8.2f}s {sign} {first}"


def so_far(planned: int, good: int) -> str:
    """`99.8% of 512`."""
    return f"{percent(good / planned)} of {planned:,}" if planned else "no answer yet"


@contextmanager
def plain(out: Callable[[str], None]) -> Iterator[Live]:
    """Lines only."""
    live = Live(out)
    with live.tasks.told(live.tell):
        yield live


@contextmanager
def animated(stream: IO[str]) -> Iterator[Live]:
    """Prints lines and one moving line, on a terminal."""
    from rich.console import Console
    from rich.live import Live as Screen
    from rich.spinner import Spinner
    from rich.text import Text

    console = Console(file=stream, highlight=False)
    spinner: Any = Spinner("dots")
    with Screen(spinner, console=console, transient=True, auto_refresh=False) as screen:
        live = Live(lambda text: console.print(_coloured(text), soft_wrap=True))
        over = Event()

        def draw() -> None:
            while not over.wait(REDRAW):
                text = Text(live.moving(time.monotonic()), no_wrap=True, overflow="ellipsis")
                spinner.update(text=text)
                with suppress(OSError):
                    screen.refresh()

        artist = Thread(target=draw, daemon=True, name="resilience-live")
        artist.start()
        try:
            with listening(live.tasks):
                yield live
        finally:
            over.set()
            artist.join()


def _coloured(text: str) -> Any:
    from rich.text import Text

    sign = text[10:11]
    style = {"✗": "red", "▼": "yellow", "✓": "green", "↩": "cyan"}.get(sign, "")
    return Text.assemble((text[:10], "dim"), (text[10:], style))


def lines(entries: Sequence[Entry], zero: float) -> list[str]:
    """The lines that would have been shown live, for the section under a failing test."""
    return [line(entry, zero) for entry in entries if tells(entry)]
