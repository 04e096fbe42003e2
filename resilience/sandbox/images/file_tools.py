"""Programs about files: cp, mv, ln, chmod, find, stat, dd ...

The options that scripts in manifests use. Owners are accepted and not changed: every Pod of the
sandbox runs as the user who started it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from collections.abc import Callable

from resilience.sandbox.images.text.command_line import complain, options


def _each(name: str, paths: list[str], act: Callable[[str], object]) -> int:
    code = 0
    for path in paths:
        try:
            act(path)
        except OSError as error:
            code = complain(name, path, error)
    return code


def _to(target: str, source: str) -> str:
    return os.path.join(target, os.path.basename(source)) if os.path.isdir(target) else target


def cp_(argv: list[str]) -> int:
    """Copy files; -r and -a directories too."""
    given, paths = options(argv)
    *sources, target = paths

    def copy(source: str) -> None:
        end = _to(target, source)
        if os.path.isdir(source) and given.keys() & {"r", "R", "a"}:
            shutil.copytree(source, end, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, end)
            shutil.copymode(source, end)

    return _each("cp", sources, copy)


def mv_(argv: list[str]) -> int:
    """Move files and directories."""
    *sources, target = options(argv)[1]
    return _each("mv", sources, lambda source: shutil.move(source, _to(target, source)))


def ln_(argv: list[str]) -> int:
    """Link; -s symbolic, -f replaces an existing name."""
    given, paths = options(argv)
    source, target = paths[0], _to(paths[1], paths[0]) if len(paths) > 1 else paths[0]

    def link(_path: str) -> None:
        if "f" in given and os.path.lexists(target):
            os.remove(target)
        (os.symlink if "s" in given else os.link)(source, target)

    return _each("ln", [target], link)


def chmod_(argv: list[str]) -> int:
    """Change modes, as 0644 or u+x,go-w; -R below directories."""
    words = [word for word in argv[1:] if word not in ("-R", "-f", "-v")]
    mode, paths = words[0], words[1:]
    if "-R" in argv:
        paths = [path for top in paths for path in _below(top)]
    return _each("chmod", paths, lambda path: os.chmod(path, _mode(mode, path)))


def _mode(text: str, path: str) -> int:
    if re.fullmatch(r"[0-7]+", text):
        return int(text, 8)
    found = stat.S_IMODE(os.stat(path).st_mode)
    for part in text.split(","):
        match = re.fullmatch(r"([ugoa]*)([-+=])([rwxX]*)", part)
        if match is None:
            raise OSError(22, f"invalid mode '{text}'")
        bits = sum({"r": 4, "w": 2, "x": 1, "X": 1}[letter] for letter in set(match[3]))
        who = match[1].replace("a", "ugo") or "ugo"
        mask = sum(bits << {"u": 6, "g": 3, "o": 0}[letter] for letter in set(who))
        every = sum(7 << {"u": 6, "g": 3, "o": 0}[letter] for letter in set(who))
        found = {"+": found | mask, "-": found & ~mask, "=": (found & ~every) | mask}[match[2]]
    return found


def _below(top: str) -> list[str]:
    inner = [os.path.join(at, name) for at, dirs, names in os.walk(top) for name in dirs + names]
    return [top, *sorted(inner)]


def chown_(argv: list[str]) -> int:
    """Check that the files exist: all files have the same owner here."""
    return _each(argv[0], options(argv)[1][1:], os.stat)


def readlink_(argv: list[str]) -> int:
    """Print where links lead; -f the whole way."""
    given, paths = options(argv)
    return _each(
        "readlink",
        paths,
        lambda path: print(os.path.realpath(path) if "f" in given else os.readlink(path)),
    )


def basename_(argv: list[str]) -> int:
    """Print the last part of a path, without a suffix."""
    name = os.path.basename(argv[1].rstrip("/")) or "/"
    print(name.removesuffix(argv[2]) if len(argv) > 2 and name != argv[2] else name)
    return 0


def dirname_(argv: list[str]) -> int:
    """Print all but the last part of a path."""
    print(os.path.dirname(argv[1].rstrip("/")) or ("/" if argv[1][:1] == "/" else "."))
    return 0


def dd_(argv: list[str]) -> int:
    """Copy blocks: if= of= bs= count= skip= seek= conv=notrunc."""
    given = dict(word.partition("=")[::2] for word in argv[1:])
    units = {"k": 1 << 10, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

    def number(name: str, default: str) -> int:
        text = given.get(name, default)
        return int(re.sub(r"\D+$", "", text)) * units.get(text[-1], 1)

    size, skip = number("bs", "512"), number("skip", "0")
    count = number("count", "-1") if "count" in given else -1
    flags = os.O_WRONLY | os.O_CREAT | (0 if "notrunc" in given.get("conv", "") else os.O_TRUNC)
    done = 0
    try:
        source = os.open(given["if"], os.O_RDONLY) if "if" in given else 0
        target = os.open(given["of"], flags, 0o644) if "of" in given else 1
        if skip:
            os.lseek(source, skip * size, os.SEEK_SET)
        if number("seek", "0"):
            os.lseek(target, number("seek", "0") * size, os.SEEK_SET)
        sys.stdout.flush()
        while (count < 0 or done < count) and (piece := os.read(source, size)):
            os.write(target, piece)
            done += 1
    except OSError as error:
        return complain("dd", str(error.filename), error)
    print(f"{done}+0 records in\n{done}+0 records out", file=sys.stderr)
    return 0


def sync_(argv: list[str]) -> int:
    """Nothing to do: the host owns the files."""
    return 0


def rmdir_(argv: list[str]) -> int:
    """Remove empty directories."""
    return _each("rmdir", options(argv)[1], os.rmdir)
