"""Progress: append-only lines anywhere, a moving line on a terminal only."""

from __future__ import annotations

import io
import os
import pty

from resilience.model.timeline import Entry, What
from resilience.report.live import Live, animated, plain, so_far
from tests.report.made import ZERO, record


class Probe:
    name = "checkout"

    def progress(self) -> tuple[int, int]:
        return 512, 511


def entry(what: What, text: str, at: float = 0.0, **facts: str) -> Entry:
    return Entry(monotonic=ZERO + at, wall=0.0, what=what, text=text, facts=facts)


def told(*entries: Entry) -> list[str]:
    lines: list[str] = []
    with plain(lines.append) as live:
        for each in entries:
            live.entry(each)
    return lines


def test_a_line_has_its_time_after_the_first_entry() -> None:
    lines = told(entry(What.RUN, "begins"), entry(What.VICTIM, "Pod a", 3.207))
    assert lines == ["   +0.00s   begins", "   +3.21s ▼ Pod a"]


def test_a_failed_step_is_marked() -> None:
    assert told(entry(What.STEP, "ready", state="failed")) == ["   +0.00s ✗ ready"]


def test_what_only_machines_want_is_left_out() -> None:
    quiet = [entry(what, "x") for what in (What.WATCH, What.CALL, What.EVENT)]
    quiet += [entry(What.STEP, "x", state="started"), entry(What.UNDO, "x", state="recorded")]
    assert told(*quiet) == []


def test_only_the_first_line_of_a_text_is_shown() -> None:
    assert told(entry(What.NOTE, "one\ntwo")) == ["   +0.00s   one"]


def test_the_moving_line_names_the_step_and_each_probe() -> None:
    live = Live(lambda line: None)
    live.probe(Probe())
    live.entry(entry(What.STEP, "kill one Pod", state="started"))
    assert live.moving(ZERO) == "kill one Pod   checkout 99.804% of 512"


def test_settling_says_how_long_it_still_takes() -> None:
    live = Live(lambda line: None)
    live.entry(entry(What.RUN, "when ended", state="when ended", settle="5.0"))
    assert live.moving(ZERO + 2) == "settling, 3s left"
    assert live.moving(ZERO + 5.5) == "settling, until every victim is gone"


def test_another_run_begins_at_its_own_zero() -> None:
    lines: list[str] = []
    live = Live(lines.append)
    live.entry(entry(What.RUN, "begins"))
    live.probe(Probe())
    live.restart()
    live.entry(entry(What.RUN, "begins again", 20.0))
    assert lines[-1] == "   +0.00s   begins again"
    assert live.moving(ZERO) == "…"


def test_no_answer_yet_is_no_share() -> None:
    assert so_far(0, 0) == "no answer yet"


def test_output_that_is_no_terminal_gets_no_control_characters() -> None:
    stream = io.StringIO()
    with animated(stream) as live:
        for each in record().timeline:
            live.entry(each)
    assert "\x1b" not in stream.getvalue()
    assert "shop/checkout-0: chosen by seed" in stream.getvalue()


def test_a_terminal_gets_the_lines_and_a_line_that_moves() -> None:
    """A real pseudo terminal, in real time: rich decides by what it is."""
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as stream:
        with animated(stream) as live:
            live.probe(Probe())
            live.entry(entry(What.STEP, "kill one Pod", state="started"))
            seen = read_until(master, b"99.804% of 512")
            live.entry(entry(What.VICTIM, "Pod a"))
        stream.flush()
        seen += read_until(master, b"Pod a")
    os.close(master)
    assert b"kill one Pod" in seen


def read_until(fd: int, text: bytes) -> bytes:
    """Blocks until it comes; the test's own time limit is pytest's."""
    seen = b""
    while text not in seen:
        seen += os.read(fd, 4096)
    return seen
