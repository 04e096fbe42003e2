"""Small programs that images hold for `exec`, hooks and probes: cat, echo, env, ls, sleep, sh ...

Written in Python so that they see the Pod's volumes, name and network; the host's own binaries are
never run in a container's name, because they would act on the host.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys

from resilience.sandbox.images.sh.builtins.kill import kill
from resilience.sandbox.images.sh.shell_start import converse, run_file, run_line
from resilience.sandbox.images.sh.shell_test import check
from resilience.sandbox.images.text.command_line import Refused, as_read, taken
from resilience.sandbox.images.text.printing import unescaped
from resilience.sandbox.inside import awake


def _fail(name: str, about: str, error: OSError) -> int:
    print(f"{name}: {about}: {error.strerror}", file=sys.stderr)
    return 1


def echo_(argv: list[str]) -> int:
    """Print the arguments; `-n` leaves the newline out, `-e` reads backslashes."""
    rest, flags = argv[1:], ""
    while rest and rest[0][:1] == "-" and rest[0][1:] and not set(rest[0][1:]) - set("neE"):
        flags += rest.pop(0)[1:]
    text = " ".join(rest)
    as_read()
    if "e" in flags and "\\c" in text:
        text, flags = text.partition("\\c")[0], flags + "n"
    print(unescaped(text) if "e" in flags else text, end="" if "n" in flags else "\n")
    return 0


def env_(argv: list[str]) -> int:
    """Print the environment, or run a command with variables of its own."""
    from resilience.sandbox.images.sh.shell import Shell

    rest = argv[1:]
    while rest and ("=" in rest[0] or rest[0] in ("-i", "-", "--", "-u")):
        word = rest.pop(0)
        if word in ("-i", "-"):
            os.environ.clear()
        elif word == "-u" and rest:
            os.environ.pop(rest.pop(0), None)
        elif word != "--":
            name, _, value = word.partition("=")
            os.environ[name] = value
    if rest:
        return Shell("env").start(rest)
    for key, value in os.environ.items():
        print(f"{key}={value}")
    return 0


def true_(argv: list[str]) -> int:
    """Succeed."""
    return 0


def false_(argv: list[str]) -> int:
    """Fail."""
    return 1


def hostname_(argv: list[str]) -> int:
    """Print the Pod's name; `-i` its address."""
    name = socket.gethostname()
    print(socket.gethostbyname(name) if "-i" in argv[1:] else name)
    return 0


def mkdir_(argv: list[str]) -> int:
    """Create directories; `-p` with their parents, existing ones are fine; `-m MODE`, `-v`."""
    given, code = taken(argv, "pv", "m", {"parents": "p", "mode": "m", "verbose": "v"}), 0
    for path in given.words:
        try:
            os.makedirs(path, exist_ok=True) if "p" in given else os.mkdir(path)
            if "m" in given:
                os.chmod(path, int(given.last("m"), 8))
            if "v" in given:
                print(f"created directory: '{path}'")
        except OSError as error:
            code = _fail("mkdir", f"cannot create directory '{path}'", error)
        except ValueError:
            raise Refused(f"invalid mode '{given.last('m')}'") from None
    return code


def rm_(argv: list[str]) -> int:
    """Delete files; `-r` directories as well, `-f` ignores missing ones; `-v`."""
    given = taken(argv, "rRfiv", "", {"recursive": "r", "force": "f", "verbose": "v"})
    code = 0
    for path in given.words:
        try:
            if given.any("rR") and os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
            if "v" in given:
                print(f"removed '{path}'")
        except FileNotFoundError as error:
            if "f" not in given:
                code = _fail("rm", f"cannot remove '{path}'", error)
        except OSError as error:
            code = _fail("rm", f"cannot remove '{path}'", error)
    return code


def test_(argv: list[str]) -> int:
    """Check files and strings; see `shell`."""
    return check(argv)


def sleep_(argv: list[str]) -> int:
    """Sleep the sum of its arguments: 5, 0.5, 2s, 1m, infinity."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        seconds = sum(float(word.rstrip("smhd")) * units.get(word[-1:], 1) for word in argv[1:])
    except ValueError:
        print(f"sleep: invalid time interval '{argv[1]}'", file=sys.stderr)
        return 1
    awake.sleep(seconds)
    return 0


def kill_(argv: list[str]) -> int:
    """`kill [-SIGNAL] PID`: what runs in the container, with the rules of its process 1."""
    return kill(argv)


def sh_(argv: list[str]) -> int:
    """`sh -c LINE`, `sh FILE`, or lines from stdin: see `shell`."""
    letters, rest = "", list(argv[1:])
    while rest and rest[0][:1] == "-" and len(rest[0]) > 1:
        word = rest.pop(0)
        if word == "--":
            break
        if not word.startswith("--"):
            letters += word[1:]
        if word.endswith("o") and rest:
            rest.pop(0)
    if "c" in letters:
        if not rest:
            print("sh: -c requires an argument", file=sys.stderr)
            return 2
        return run_line(rest[0], rest[1:], letters, argv[0])
    if not rest or "s" in letters:
        return converse(argv[0])
    return run_file(rest[0], rest[1:], letters, argv[0])


def busybox(argv: list[str]) -> int:
    """`busybox PROGRAM ARGUMENTS`."""
    return env_run(argv)


def env_run(argv: list[str]) -> int:
    """Run the program that the arguments name."""
    from resilience.sandbox.images.sh.shell import Shell

    return Shell(argv[0]).start(argv[1:]) if argv[1:] else 0
