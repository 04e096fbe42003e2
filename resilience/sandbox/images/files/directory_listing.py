"""`ls`: the names in directories, and what is known of them."""

from __future__ import annotations

import os
import stat
import sys
import time
from dataclasses import dataclass

from resilience.sandbox.images.files.dates import clock_of_container
from resilience.sandbox.images.files.owners import group_name, user_name
from resilience.sandbox.images.text.command_line import Given, complain, taken

HALF_A_YEAR = 15778476
_LONG = {
    "all": "a", "almost-all": "A", "directory": "d", "recursive": "R", "reverse": "r",
    "human-readable": "h", "inode": "i", "full-time": "e", "numeric-uid-gid": "n",
    "classify": "F",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Named:
    """A name to show, and the path that leads to it."""

    name: str
    path: str
    about: os.stat_result


def ls_(argv: list[str]) -> int:
    """List: -1 -a -A -d -R -l -n -h -i -t -S -r -U -p -F -L -e, one name a line."""
    words = [word for word in argv if word != "--color" and not word.startswith("--color=")]
    given = taken(words, "1aAdRlnhitSrUpFLegoCk", "", _LONG)
    failed: list[int] = []
    found = [_Named(path, path, about) for path in given.words or ["."]
             if (about := _about(path, path, given, failed)) is not None]  # fmt: skip
    folders = [each for each in found if _is_folder(each, given)]
    files = [each for each in found if each not in folders]
    with clock_of_container():
        _show(_ordered(files, given), given)
        titled = len(given.words) > 1 or "R" in given
        for number, folder in enumerate(_ordered(folders, given)):
            blank = bool(files or number)
            _folder(folder.path, given, failed, titled=titled, blank=blank)
    return max(failed, default=0)


def _is_folder(each: _Named, given: Given) -> bool:
    if "d" in given:
        return False
    if stat.S_ISLNK(each.about.st_mode):
        return os.path.isdir(each.path) and not given.any("lno")
    return stat.S_ISDIR(each.about.st_mode)


def _about(path: str, name: str, given: Given, failed: list[int]) -> os.stat_result | None:
    try:
        return os.stat(path) if "L" in given else os.lstat(path)
    except OSError as error:
        failed.append(complain("ls", name, error))
        return None


def _folder(path: str, given: Given, failed: list[int], *, titled: bool, blank: bool) -> None:
    try:
        names = os.listdir(path)
    except OSError as error:
        failed.append(complain("ls", path, error))
        return
    if titled:
        print(f"{chr(10) * blank}{path}:")
    names = [name for name in names if given.any("aA") or not name.startswith(".")]
    names += [".", ".."] if "a" in given else []
    places = [(name, os.path.join(path, name)) for name in names]
    found = [_Named(name, place, about) for name, place in places
             if (about := _about(place, place, given, failed))]  # fmt: skip
    if given.any("lnog"):
        print(f"total {sum(each.about.st_blocks for each in found) // 2}")
    ordered = _ordered(found, given)
    _show(ordered, given)
    for each in ordered if "R" in given else []:
        if stat.S_ISDIR(each.about.st_mode) and each.name not in (".", ".."):
            _folder(each.path, given, failed, titled=True, blank=True)


def _ordered(found: list[_Named], given: Given) -> list[_Named]:
    if "U" in given:
        return found
    found = sorted(found, key=lambda each: each.name)
    if "S" in given:
        found.sort(key=lambda each: -each.about.st_size)
    elif "t" in given:
        found.sort(key=lambda each: -each.about.st_mtime_ns)
    return found[::-1] if "r" in given else found


def _show(found: list[_Named], given: Given) -> None:
    for each in found:
        inode = f"{each.about.st_ino:7} " if "i" in given else ""
        print(
            inode + (_facts(each, given) if given.any("lnog") else each.name + _mark(each, given))
        )
    sys.stdout.flush()


def _facts(each: _Named, given: Given) -> str:
    """The line of -l, in the columns of busybox."""
    about, name = each.about, each.name + _mark(each, given)
    numbers = "n" in given
    owner = str(about.st_uid) if numbers else user_name(about.st_uid)
    group = str(about.st_gid) if numbers else group_name(about.st_gid)
    people = [
        f"{text:<8.8}" for text, without in ((owner, "g"), (group, "o")) if without not in given
    ]
    if stat.S_ISLNK(about.st_mode):
        name += f" -> {os.readlink(each.path)}"
    return " ".join([
        f"{stat.filemode(about.st_mode)} {about.st_nlink:4}", *people,
        f"{_size(about, given):>9}", _when(about, given), name,
    ])  # fmt: skip


def _mark(each: _Named, given: Given) -> str:
    mode = each.about.st_mode
    if stat.S_ISDIR(mode):
        return "/" if given.any("pF") else ""
    if "F" not in given:
        return ""
    return "@" if stat.S_ISLNK(mode) else "*" if mode & 0o111 else ""


def _size(about: os.stat_result, given: Given) -> str:
    if stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode):
        return f"{os.major(about.st_rdev)},{os.minor(about.st_rdev):4}"
    return human(about.st_size) if "h" in given else str(about.st_size)


def human(size: float) -> str:
    """4096 as 4.0K; bytes below 1024 as they are."""
    if size < 1024:
        return str(int(size))
    power = 0
    while size >= 1023.95:
        size, power = size / 1024, power + 1
    return f"{size:.1f}{' KMGTPE'[power]}"


def _when(about: os.stat_result, given: Given) -> str:
    changed = time.localtime(about.st_mtime)
    if "e" in given:
        return time.strftime("%a %b %e %H:%M:%S %Y", changed)
    recent = -HALF_A_YEAR < time.time() - about.st_mtime < HALF_A_YEAR
    return time.strftime("%b %e %H:%M" if recent else "%b %e  %Y", changed)
