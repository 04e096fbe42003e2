"""`xargs`, and `nproc`, by which scripts choose how many commands it runs."""

from __future__ import annotations

import os


def xargs_(argv: list[str]) -> int:
    """Run a command with the words of stdin: -n MOST, -I NAME."""
    from resilience.sandbox.images.sh.shell import Shell

    words, ahead, most, name = [], list(argv[1:]), 0, ""
    while ahead and ahead[0].startswith("-"):
        flag = ahead.pop(0)
        if flag.startswith("-n"):
            most = int(flag[2:] or ahead.pop(0))
        elif flag.startswith("-I"):
            name = flag[2:] or ahead.pop(0)
    words = ahead or ["echo"]
    text = open(0, errors="replace", closefd=False).read()  # noqa: SIM115
    given = text.splitlines() if name else text.split()
    shell = Shell("xargs")
    if name:
        return max(
            (shell.start([word.replace(name, one) for word in words]) for one in given), default=0
        )
    step = most or max(len(given), 1)
    return max(
        (shell.start([*words, *given[at : at + step]]) for at in range(0, len(given) or 1, step)),
        default=0,
    )


def nproc_(argv: list[str]) -> int:
    """Print the number of processors."""
    print(os.cpu_count() or 1)
    return 0
