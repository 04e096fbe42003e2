"""`realpath`, `unlink`, `install`, `mktemp` and `split`: where files are, and new ones."""

from __future__ import annotations

import os
import random
import re
import shutil
import string
from itertools import product

from resilience.sandbox.images.text.command_line import Given, Refused, complain, opened, taken
from resilience.sandbox.images.text.ends import size


def realpath_(argv: list[str]) -> int:
    """The whole path without links; its folder has to be there, with -e itself too, -m nothing."""
    given = taken(argv, "emq", "")
    code = 0
    for path in given.words or ["."]:
        whole = os.path.realpath(path)
        needed = whole if "e" in given else os.path.dirname(whole)
        if "m" not in given and not os.path.exists(needed):
            code = complain("realpath", path, FileNotFoundError(2, os.strerror(2)))
        else:
            print(whole)
    return code


def unlink_(argv: list[str]) -> int:
    """Remove one name."""
    given = taken(argv, "")
    if len(given.words) != 1:
        raise Refused("one file is needed")
    try:
        os.unlink(given.words[0])
    except OSError as error:
        return complain("unlink", given.words[0], error)
    return 0


def install_(argv: list[str]) -> int:
    """Copy files with a mode (-m, 755); -d makes folders, -D those of the target; -p, -t."""
    given = taken(argv, "dDcps", "mogt", {"directory": "d", "mode": "m"})
    if not re.fullmatch(r"[0-7]+", given.last("m", "755")):
        raise Refused(f"invalid mode '{given.last('m')}': octal modes are understood")
    mode = int(given.last("m", "755"), 8)
    if "d" in given:
        return _each_folder(given.words, mode)
    words = [*given.words, *given.get("t", [])]
    if len(words) < 2:
        raise Refused("a source and a target are needed")
    *sources, target = words
    code = 0
    for source in sources:
        try:
            _copied(source, target, mode, given)
        except OSError as error:
            code = complain("install", str(error.filename or source), error)
    return code


def _each_folder(paths: list[str], mode: int) -> int:
    code = 0
    for path in paths:
        try:
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)
        except OSError as error:
            code = complain("install", path, error)
    return code


def _copied(source: str, target: str, mode: int, given: Given) -> None:
    end = os.path.join(target, os.path.basename(source)) if os.path.isdir(target) else target
    if "D" in given:
        os.makedirs(os.path.dirname(end) or ".", exist_ok=True)
    if os.path.lexists(end):
        os.remove(end)
    shutil.copyfile(source, end)
    os.chmod(end, mode)
    if "p" in given:
        about = os.stat(source)
        os.utime(end, ns=(about.st_atime_ns, about.st_mtime_ns))


def mktemp_(argv: list[str]) -> int:
    """A file, with -d a folder, of a new name: TEMPLATE with XXXXXX, -p FOLDER, -t, -u, -q."""
    given = taken(argv, "dtuq", "p", {"directory": "d", "tmpdir": "p"})
    template = given.words[0] if given.words else "tmp.XXXXXX"
    found = re.fullmatch(r"(.*?)(X{3,})([^/X]*)", template, re.DOTALL)
    if found is None:
        raise Refused(f"invalid template '{template}'")
    within = not given.words or given.any("pt")
    folder = given.last("p") or os.environ.get("TMPDIR") or "/tmp"
    place = os.path.join(folder, found[1]) if within else found[1]
    try:
        made = _new(place, len(found[2]), found[3], given)
    except OSError as error:
        return complain("mktemp", template, error)
    print(made)
    return 0


def _new(prefix: str, length: int, suffix: str, given: Given) -> str:
    """A name that was not there, with as many letters as the template has X."""
    while True:
        letters = "".join(random.choices(string.ascii_letters + string.digits, k=length))
        path = f"{prefix}{letters}{suffix}"
        try:
            if "u" in given:
                if not os.path.lexists(path):
                    return path
            elif "d" in given:
                os.mkdir(path, 0o700)
                return path
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                return path
        except FileExistsError:
            continue


def split_(argv: list[str]) -> int:
    """Parts of a file: -l LINES (1000) or -b SIZE, -a LETTERS (2), -d with numbers; PREFIX x."""
    given = taken(argv, "d", "lba", {"lines": "l", "bytes": "b", "numeric-suffixes": "d"})
    source, prefix = [*given.words, "-", "x"][:2] if not given.words[1:] else given.words[:2]
    if len(given.words) == 1:
        prefix = "x"
    letters = string.digits if "d" in given else string.ascii_lowercase
    names = ("".join(each) for each in product(letters, repeat=given.number("a", 2)))
    try:
        with opened(source) as file:
            for part in _parts(file.read(), given):
                name = next(names, None)
                if name is None:
                    raise Refused("suffixes exhausted")
                with open(prefix + name, "wb") as target:
                    target.write(part)
    except OSError as error:
        return complain("split", str(error.filename or source), error)
    return 0


def _parts(data: bytes, given: Given) -> list[bytes]:
    if "b" in given:
        step = size(given.last("b"))
        return [data[at : at + step] for at in range(0, len(data), step)]
    rows, step = data.split(b"\n"), given.number("l", 1000)
    lines = [row + b"\n" for row in rows[:-1]] + [row for row in rows[-1:] if row]
    return [b"".join(lines[at : at + step]) for at in range(0, len(lines), step)]
