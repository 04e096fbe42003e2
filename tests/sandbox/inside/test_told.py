"""A signal is heard whichever thread it reaches."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import signal, threading
from resilience.sandbox.inside.told import Told

told = Told(signal.SIGTERM, signal.SIGINT)

def another():
    signal.raise_signal(signal.SIGTERM)  # to this very thread, as the kernel sometimes decides

threading.Timer(0.1, another).start()
print(told.is_set, flush=True)
print(told.wait(), told.is_set, told.wait())
"""


def test_a_signal_that_reaches_another_thread_wakes_the_main_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    number = int(signal.SIGTERM)
    assert done.stdout.split() == ["False", str(number), "True", str(number)]
