"""The agent from its configuration to its last line."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from typing import Any

from resilience.probes.agent.plan import Plan
from resilience.probes.agent.privilege import take_priority
from resilience.probes.agent.send_loop import SendLoop
from resilience.probes.agent.writer import Writer

REPLACE_ME = 75  # exit code of one of several agents, which its Job then replaces if it goes on


def _configuration(arguments: list[str]) -> tuple[dict[str, Any], int | None]:
    if len(arguments) > 1:
        with open(arguments[1], encoding="utf-8") as file:
            return json.load(file), None
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            raise SystemExit("no configuration on stdin")
        text += piece
    return json.loads(text), 0


def main() -> None:
    """Probe until stopped."""
    given, lifeline = _configuration(sys.argv)
    writer = Writer(1)
    writer.masked = given.get("masked", [])
    prober = SendLoop(Plan(given), writer, lifeline)
    signal.signal(signal.SIGTERM, prober.stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the parent process
    signal.set_wakeup_fd(prober.wake_write, warn_on_full_buffer=False)
    prober.priority = take_priority(given["rate"])
    gc.freeze()
    gc.disable()  # this program creates no reference cycles, and a collection would delay a request
    try:
        prober.run()
    except BrokenPipeError:
        pass  # the parent process is gone
    if prober.plan.turns:
        raise SystemExit(REPLACE_ME)
