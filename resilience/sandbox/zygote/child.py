"""From a forked zygote to a container's main process: the steps between fork and program.

The order matters: first the calls that tie its life to its parent's, then descriptors, environment,
the patches that make it see its Pod's network and volumes, and last the image's program.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import io
import os
import random
import signal
import sys
import termios
import threading
import traceback
from typing import NoReturn

from resilience.sandbox.host import linux, processes
from resilience.sandbox.images import catalogue
from resilience.sandbox.inside import children, pid1, pod_names, pod_network, rootfs, volume_paths
from resilience.sandbox.inside.launch import Launch

INTERRUPTED = 130
LIMIT = 1024
"""Descriptors of the zygote are below it."""


def become(
    launch: Launch, descriptors: list[int], zygote: int, claim: int | None = None
) -> NoReturn:
    """Turn this forked process into the one that `launch` describes; never returns.

    `claim` is the lock on its root directory, when it is the one to make it.
    """
    code = 1
    try:
        _detach(zygote)
        _take_descriptors(descriptors, claim)
        _take_environment(launch)
        _take_surroundings(launch, claim)
        code = _run(launch)
    finally:
        if code == 1 and sys.exc_info()[0] is not None:
            traceback.print_exc()
        os._exit(code & 0xFF)


def _detach(zygote: int) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # What a fresh Python interpreter sets up: an interrupt raises, a broken pipe is an error.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    linux.die_with_parent(zygote)
    # Process 1 of a container is the parent of all orphans in it.
    linux.adopt_orphans()
    os.setsid()


def _take_descriptors(descriptors: list[int], claim: int | None) -> None:
    """stdin is empty unless given; stdout and stderr are the first two; nothing else is open but
    `claim`."""
    output, errors, *rest = descriptors
    entry = rest[0] if rest else os.open(os.devnull, os.O_RDONLY)
    # Move them above 2 first, because each could be 0, 1 or 2 itself.
    moved = [os.dup(descriptor) for descriptor in (entry, output, errors)]
    for target, source in enumerate(moved):
        os.dup2(source, target)
    kept = LIMIT if claim is None else claim
    os.closerange(3, kept)
    os.closerange(kept + 1, LIMIT)
    if os.isatty(0):
        # This process leads a session: the terminal becomes its own, and ^C reaches it.
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)))
    sys.stdout = _writer(1, line_buffering=False)
    sys.stderr = _writer(2, line_buffering=True)


def _writer(descriptor: int, *, line_buffering: bool) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", line_buffering=line_buffering)


def _take_environment(launch: Launch) -> None:
    os.environ.clear()
    os.environ.update(launch.environment)
    os.environ[processes.MARKER] = launch.marker
    linux.name_process(os.path.basename(launch.argv[0]))
    random.seed()  # otherwise every Pod would draw the zygote's random numbers


def _take_surroundings(launch: Launch, claim: int | None) -> None:
    resolver = pod_names.Resolver(launch.network, launch.hostname, launch.hosts)
    pod_names.install(resolver, launch.hostname)
    pod_network.install(launch.network, resolver)
    pid1.shield(int(launch.environment.get("RESILIENCE_MAIN") or os.getpid()))
    if claim is not None:
        rootfs.make(launch)
        os.close(claim)
    elif launch.root:
        rootfs.wait_until_made(launch)
    volume_paths.install(volume_paths.Translation(rootfs.mounts(launch)))
    children.install(launch)
    gc.enable()
    try:
        os.chdir(launch.cwd)
    except OSError:
        os.chdir("/")


def _run(launch: Launch) -> int:
    """The program's exit code, after everything that an interpreter does at its end."""
    told = {catalogue.IMAGE_VARIABLE: launch.image, **launch.environment}
    try:
        code = catalogue.run(catalogue.told_by(told), list(launch.argv))
    except SystemExit as leaving:
        code = _exit_code(leaving.code)
    except KeyboardInterrupt:
        code = INTERRUPTED
    threading._shutdown()  # type: ignore[attr-defined] # waits for non-daemon threads, as at any end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the program closed it, or nothing reads it any more
    return code


def _exit_code(code: object) -> int:
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1
