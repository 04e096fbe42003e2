"""What the agent takes of its machine: the priority that it is permitted, and memory."""

from __future__ import annotations

import os

NICE = -10
NORMAL, REAL_TIME = "normal", "real time"
REAL_TIME_RATE = 1000  # requests a second, a fifth of one processor


def take_priority(rate: float) -> str:
    """Takes the best priority that is permitted: the prober sleeps nearly always, and must wake in
    time.

    Real time only for rates that leave a processor nearly all of its time. The lag says how it
    went.
    """
    if rate <= REAL_TIME_RATE:
        try:
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:
            pass  # this needs CAP_SYS_NICE or RLIMIT_RTPRIO
        else:
            return REAL_TIME
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        return NORMAL  # this needs CAP_SYS_NICE or RLIMIT_NICE
    return f"nice {NICE}"


def peak_memory() -> int:
    """The peak memory in bytes. (getrusage reports the parent's, from before exec.)"""
    with open("/proc/self/status", encoding="ascii") as file:
        lines = [line.split() for line in file if line.startswith("VmHWM:")]
    return int(lines[0][1]) * 1024 if lines else 0
