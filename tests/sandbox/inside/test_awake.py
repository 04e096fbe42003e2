"""Waits end with a signal that did not interrupt their system call."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from resilience.sandbox.inside import awake

PROGRAM = """
import os, signal, threading, time
from resilience.sandbox.images.sh.shell_control import Interrupted
from resilience.sandbox.inside import awake

main = threading.get_native_id()
output = [(os.POSIX_SPAWN_CLOSE, 1)]  # which this program alone has
child = os.posix_spawnp("sleep", ["sleep", "30"], os.environ, file_actions=output)

def state():
    with open(f"/proc/self/task/{main}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]

def another():
    # The kernel gives a process's signal to any thread that does not block it: the main thread's
    # system call goes on, as for a signal that comes just before it.
    while state() != "S":
        time.sleep(0.01)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    os.kill(os.getpid(), signal.SIGINT)

def come(number, frame):
    raise Interrupted(number)

signal.signal(signal.SIGINT, come)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
threading.Timer(0.2, another).start()
try:
    WAIT
except Interrupted as heard:
    print("heard", heard.number, flush=True)
os.kill(child, signal.SIGKILL)
os._exit(0)
"""
WAITS = ["awake.sleep(30)", "awake.sleep(float('inf'))", "awake.wait_for_end(child)"]


@pytest.mark.parametrize("wait", WAITS)
def test_a_signal_whose_byte_alone_tells_of_it_ends_the_wait(wait: str) -> None:
    program = PROGRAM.replace("WAIT", wait)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=20, check=True
    )
    assert done.stdout == "heard 2\n"


def test_a_sleep_takes_its_time_and_no_descriptor() -> None:
    began = time.monotonic()
    awake.sleep(0.05)
    awake.sleep(-1)
    assert time.monotonic() - began >= 0.05
