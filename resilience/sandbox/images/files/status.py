"""`stat`: what is known of a file."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Callable

from resilience.sandbox.images.files.dates import clock_of_container
from resilience.sandbox.images.files.owners import group_name, user_name
from resilience.sandbox.images.text.command_line import Refused, complain, taken

_KINDS = {
    stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link", stat.S_IFREG: "regular file",
    stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket", stat.S_IFCHR: "character special file",
    stat.S_IFBLK: "block special file",
}  # fmt: skip
Fact = Callable[[str, os.stat_result], object]
_FACTS: dict[str, Fact] = {
    "a": lambda path, about: f"{stat.S_IMODE(about.st_mode):o}",
    "A": lambda path, about: stat.filemode(about.st_mode),
    "b": lambda path, about: about.st_blocks,
    "B": lambda path, about: 512,
    "d": lambda path, about: about.st_dev,
    "D": lambda path, about: f"{about.st_dev:x}",
    "f": lambda path, about: f"{about.st_mode:x}",
    "F": lambda path, about: _kind(about),
    "g": lambda path, about: about.st_gid,
    "G": lambda path, about: group_name(about.st_gid),
    "h": lambda path, about: about.st_nlink,
    "i": lambda path, about: about.st_ino,
    "n": lambda path, about: path,
    "N": lambda path, about: _quoted(path, about),
    "o": lambda path, about: about.st_blksize,
    "s": lambda path, about: about.st_size,
    "t": lambda path, about: f"{os.major(about.st_rdev):x}",
    "T": lambda path, about: f"{os.minor(about.st_rdev):x}",
    "u": lambda path, about: about.st_uid,
    "U": lambda path, about: user_name(about.st_uid),
    "x": lambda path, about: _time(about.st_atime_ns),
    "X": lambda path, about: about.st_atime_ns // 10**9,
    "y": lambda path, about: _time(about.st_mtime_ns),
    "Y": lambda path, about: about.st_mtime_ns // 10**9,
    "z": lambda path, about: _time(about.st_ctime_ns),
    "Z": lambda path, about: about.st_ctime_ns // 10**9,
}
_WHOLE = """\
  File: %N
  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F
Device: %Dh/%dd\tInode: %-10i  Links: %h
Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)
Access: %x
Modify: %y
Change: %z"""
_FILE_SYSTEM: dict[str, Callable[[str, os.statvfs_result], object]] = {
    "a": lambda path, about: about.f_bavail,
    "b": lambda path, about: about.f_blocks,
    "c": lambda path, about: about.f_files,
    "d": lambda path, about: about.f_ffree,
    "f": lambda path, about: about.f_bfree,
    "l": lambda path, about: about.f_namemax,
    "n": lambda path, about: path,
    "s": lambda path, about: about.f_bsize,
    "S": lambda path, about: about.f_frsize,
}


def stat_(argv: list[str]) -> int:
    """What is known of files: -L through links, -c FORMAT, -f of their file system, -t short."""
    given = taken(argv, "Lft", "c", {"format": "c", "dereference": "L", "file-system": "f"})
    code = 0
    for path in given.words:
        try:
            with clock_of_container():
                print(_told(path, given.last("c"), given.keys()))
        except OSError as error:
            code = complain("stat", path, error)
    return code


def _told(path: str, form: str, letters: object) -> str:
    given = set(letters)  # type: ignore[call-overload]
    if "f" in given:
        if not form:
            raise Refused("the sandbox's stat knows -f with -c FORMAT only")
        system = os.statvfs(path)
        return _filled(form, {name: fact(path, system) for name, fact in _FILE_SYSTEM.items()
                              if f"%{name}" in form})  # fmt: skip
    about = os.stat(path) if "L" in given else os.lstat(path)
    if "t" in given:
        form = form or "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o"
    return _filled(form or _WHOLE, {name: fact(path, about) for name, fact in _FACTS.items()})


def _filled(form: str, facts: dict[str, object]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[2] == "%":
            return "%"
        if found[2] not in facts:
            return "?"
        text = str(facts[found[2]])
        if found[1].startswith("0"):
            return text.rjust(int(found[1]), "0")
        return f"%{found[1]}s" % text

    return re.sub(r"%([-0]?\d*(?:\.\d+)?)([a-zA-Z%])", value, form)


def _kind(about: os.stat_result) -> str:
    kind = _KINDS.get(stat.S_IFMT(about.st_mode), "weird file")
    return "regular empty file" if kind == "regular file" and not about.st_size else kind


def _quoted(path: str, about: os.stat_result) -> str:
    return f"'{path}' -> '{os.readlink(path)}'" if stat.S_ISLNK(about.st_mode) else path


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    about = time.localtime(seconds)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', about)}.{rest:09} {time.strftime('%z', about)}"
