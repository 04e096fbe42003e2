"""A command of this machine in place of an image: the container's process becomes that program.

The program gets the container's environment and the working directory of its mapping. It is not
contained: it has the machine's files and network, so that it must bind to the Pod's address
(`{pod_ip}`) and finds a volume by `{mount:...}`.
"""

from __future__ import annotations

import os
import signal
import sys


def main(argv: list[str]) -> int:
    """`/local PROGRAM ARGUMENTS`: replaces this process; returns only if that cannot be."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    sys.stdout.flush()
    try:
        os.execve(argv[1], argv[1:], dict(os.environ))
    except OSError as error:
        print(f"{argv[1]}: {error.strerror}", file=sys.stderr)
    return 127 if not os.path.exists(argv[1]) else 126
