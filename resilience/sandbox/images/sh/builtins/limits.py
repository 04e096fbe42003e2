"""`ulimit`, `times` and `umask`: what the kernel keeps for a process."""

from __future__ import annotations

import os
import resource
import sys

_LIMITS = {
    "c": resource.RLIMIT_CORE, "d": resource.RLIMIT_DATA, "f": resource.RLIMIT_FSIZE,
    "l": resource.RLIMIT_MEMLOCK, "m": resource.RLIMIT_RSS, "n": resource.RLIMIT_NOFILE,
    "s": resource.RLIMIT_STACK, "t": resource.RLIMIT_CPU, "u": resource.RLIMIT_NPROC,
    "v": resource.RLIMIT_AS,
}  # fmt: skip
_KILOBYTES = "dlmsv"
_BLOCKS = "cf"


def ulimit(words: list[str]) -> int:
    """`ulimit -n` prints a limit, `ulimit -n 4096` sets it; -S and -H choose which one; -a prints
    all."""
    letters = "".join(word[1:] for word in words[1:] if word.startswith("-"))
    values = [word for word in words[1:] if not word.startswith("-")]
    if "a" in letters:
        for letter in _LIMITS:
            print(f"-{letter} {_shown(letter, hard='H' in letters)}")
        return 0
    letter = next((each for each in letters if each in _LIMITS), "f")
    unknown = [each for each in letters if each not in (*_LIMITS, "S", "H")]
    if unknown:
        print(f"ulimit: bad option -{unknown[0]}", file=sys.stderr)
        return 1
    if not values:
        print(_shown(letter, hard="H" in letters))
        return 0
    return _set(letter, values[0], letters)


def _shown(letter: str, *, hard: bool) -> str:
    value = resource.getrlimit(_LIMITS[letter])[hard]
    return "unlimited" if value == resource.RLIM_INFINITY else str(value // _unit(letter))


def _unit(letter: str) -> int:
    return 1024 if letter in _KILOBYTES else 512 if letter in _BLOCKS else 1


def _set(letter: str, value: str, letters: str) -> int:
    kind = _LIMITS[letter]
    soft, hard = resource.getrlimit(kind)
    try:
        number = resource.RLIM_INFINITY if value == "unlimited" else int(value) * _unit(letter)
        both = "S" not in letters and "H" not in letters
        if both or "H" in letters:
            hard = number
        if both or "S" in letters:
            soft = number
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OverflowError, OSError) as error:
        print(f"ulimit: {value}: {error}", file=sys.stderr)
        return 1
    return 0


def times() -> int:
    """User and system time of the shell, and of its children."""
    taken = os.times()
    for user, system in ((taken.user, taken.system), (taken.children_user, taken.children_system)):
        print(_minutes(user), _minutes(system))
    return 0


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)}m{seconds % 60:.3f}s"


def umask(words: list[str]) -> int:
    """The bits that new files do not get; in octal."""
    if len(words) > 1:
        os.umask(int(words[1], 8))
        return 0
    before = os.umask(0)
    os.umask(before)
    print(f"{before:04o}")
    return 0
