"""The few Linux calls that processes of the sandbox begin with: parent-death signal, subreaper,
process name, as many descriptors as may be had.

These calls tie each sandbox process to its parent's life. `die_with_parent` must be called in the
child, right after the fork: the kernel forgets the setting there. The signal is sent when the
*thread* that forked ends, so sandbox processes fork from their main thread only.
"""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import signal

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, argument: int | ctypes.Array[ctypes.c_char]) -> None:
    if _libc().prctl(option, argument, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def preload() -> None:
    """Load the C library before a fork, so that no child has to."""
    _libc()


def signal_on_parent_death(number: signal.Signals) -> None:
    """Get `number` when the parent ends; without effect if it already has."""
    _prctl(PR_SET_PDEATHSIG, int(number))


def die_with_parent(parent: int) -> None:
    """Be killed when process `parent` ends; end at once if it already has."""
    signal_on_parent_death(signal.SIGKILL)
    if os.getppid() != parent:  # it died between the fork and the call
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def name_process(name: str) -> None:
    """The name in `ps -o comm` and `top`; the kernel keeps 15 bytes."""
    _prctl(PR_SET_NAME, ctypes.create_string_buffer(name.encode()[:15]))


def use_all_descriptors() -> None:
    """Raise this process's own limit to the hard limit: a server holds many connections, and the
    usual 1,024 are for programs that call `select`."""
    granted = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, granted))
