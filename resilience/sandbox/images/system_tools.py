"""Programs about the system and its processes: id, uname, printenv, timeout, which ..."""

from __future__ import annotations

import os
import platform

from resilience.sandbox.images.text.command_line import options
from resilience.sandbox.inside import awake


def id_(argv: list[str]) -> int:
    """Print user and groups: -u -g -G -n."""
    given, _ = options(argv)
    user, group = _user()
    names = {"u": "root" if user == 0 else str(user), "g": "root" if group == 0 else str(group)}
    groups = " ".join(map(str, sorted({group, *_more_groups()})))
    if "u" in given or "g" in given:
        key = "u" if "u" in given else "g"
        print(names[key] if "n" in given else {"u": user, "g": group}[key])
    elif "G" in given:
        print(groups)
    else:
        print(f"uid={user}({names['u']}) gid={group}({names['g']}) groups={groups}")
    return 0


def _user() -> tuple[int, int]:
    """The user that the container is said to run as."""
    user, colon, group = os.environ.get("RESILIENCE_USER", "").partition(":")
    return (int(user), int(group)) if colon else (os.geteuid(), os.getegid())


def _more_groups() -> list[int]:
    return [] if "RESILIENCE_USER" in os.environ else os.getgroups()


def whoami_(argv: list[str]) -> int:
    """Print the user's name."""
    user = _user()[0]
    print("root" if user == 0 else user)
    return 0


def uname_(argv: list[str]) -> int:
    """Print the system: -a -n -r -m -s."""
    about = platform.uname()
    values = {"s": about.system, "n": os.environ.get("HOSTNAME", about.node), "r": about.release,
              "m": about.machine}  # fmt: skip
    given, _ = options(argv)
    chosen = [value for key, value in values.items() if key in given or "a" in given]
    print(" ".join(chosen or [values["s"]]))
    return 0


def printenv_(argv: list[str]) -> int:
    """Print variables; 1 if one is not set."""
    if not argv[1:]:
        print("\n".join(f"{name}={value}" for name, value in os.environ.items()))
    for name in argv[1:]:
        if name not in os.environ:
            return 1
        print(os.environ[name])
    return 0


def which_(argv: list[str]) -> int:
    """Print where programs are."""
    from resilience.sandbox.images import catalogue

    image = catalogue.here()
    missing = [word for word in argv[1:] if not catalogue.has_program(image, word)]
    for word in argv[1:]:
        if word not in missing:
            print(word if "/" in word else f"/bin/{word}")
    return int(bool(missing))


def usleep_(argv: list[str]) -> int:
    """Sleep for microseconds."""
    awake.sleep(int(argv[1]) / 1e6)
    return 0
