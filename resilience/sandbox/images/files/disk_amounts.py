"""`df`, `du`, `truncate` and `fallocate`: how much room there is, and how much a file takes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from resilience.sandbox.images.files.directory_listing import human
from resilience.sandbox.images.text.command_line import Given, Refused, complain, taken
from resilience.sandbox.images.text.ends import size


def df_(argv: list[str]) -> int:
    """Room on file systems: -h, -k, -m, -P, -i; the container's one is that of /."""
    given = taken(argv, "hkmPTia", "B", {"human-readable": "h", "portability": "P"})
    if given.any("TB"):
        raise Refused("-T and -B are not known to the sandbox's df")
    unit = {"h": "Size", "m": "1M-blocks", "i": "Inodes"}
    title = next((unit[each] for each in unit if each in given), "1K-blocks")
    title = "1024-blocks" if "P" in given and title == "1K-blocks" else title
    used = "Capacity" if "P" in given else "Use%"
    print(f"{'Filesystem':<20} {title:>10} {'Used':>9} {'Available':>9} {used:>4} Mounted on")
    code = 0
    for path in given.words or ["/"]:
        try:
            print(_room(path, given))
        except OSError as error:
            code = complain("df", path, error)
    return code


def _room(path: str, given: Given) -> str:
    about = os.statvfs(path)
    if "i" in given:
        whole, free, open_ = about.f_files, about.f_ffree, about.f_ffree
        one = 1
    else:
        whole, free, open_ = about.f_blocks, about.f_bfree, about.f_bavail
        one = about.f_frsize
    used = whole - free
    share = -(-used * 100 // (used + open_)) if used + open_ else 0
    shown = [_amount(blocks * one, given) for blocks in (whole, used, open_)]
    return f"{'overlay':<20} {shown[0]:>10} {shown[1]:>9} {shown[2]:>9} {share:>3}% /"


def _amount(count: int, given: Given) -> str:
    if "i" in given:
        return str(count)
    return human(count) if "h" in given else str(count >> (20 if "m" in given else 10))


def du_(argv: list[str]) -> int:
    """Room that files take, in KiB: -s only the sum, -a files too, -h, -k, -m, -c, -d DEPTH, -b."""
    long = {"summarize": "s", "human-readable": "h", "all": "a", "total": "c", "max-depth": "d",
            "bytes": "b"}  # fmt: skip
    given = taken(argv, "shakmcbxLl", "d", long)
    deepest = 0 if "s" in given else given.number("d", 1 << 30)
    code = whole = 0
    for top in given.words or ["."]:
        try:
            sizes = list(_sizes(top, 0, given))
        except OSError as error:
            code = complain("du", top, error)
            continue
        for path, depth, room, is_folder in sizes:
            if depth <= deepest and (is_folder or "a" in given or not depth):
                print(f"{_shown(room, given)}\t{path}")
        whole += sizes[-1][2]
    if "c" in given:
        print(f"{_shown(whole, given)}\ttotal")
    return code


def _sizes(path: str, depth: int, given: Given) -> Iterator[tuple[str, int, int, bool]]:
    """Each file and folder with what it takes, a folder after what is in it."""
    about = os.lstat(path)
    room = about.st_size if "b" in given else about.st_blocks * 512
    is_folder = stat.S_ISDIR(about.st_mode)
    for name in sorted(os.listdir(path)) if is_folder else []:
        for found in _sizes(os.path.join(path, name), depth + 1, given):
            yield found
            room += found[2] if found[1] == depth + 1 else 0
    yield path, depth, room, is_folder


def _shown(room: int, given: Given) -> str:
    if "h" in given:
        return human(room)
    return str(room if "b" in given else room >> (20 if "m" in given else 10))


def truncate_(argv: list[str]) -> int:
    """Set the size of files: -s SIZE, +SIZE or -SIZE; -c creates none."""
    given = taken(argv, "c", "s", {"size": "s", "no-create": "c"})
    if "s" not in given or not given.words:
        raise Refused("-s SIZE and a file are needed")
    wanted, code = given.last("s"), 0
    for path in given.words:
        if "c" in given and not os.path.exists(path):
            continue
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
            before = os.fstat(file).st_size if wanted[0] in "+-" else 0
            os.ftruncate(file, max(before + size(wanted), 0))
            os.close(file)
        except OSError as error:
            code = complain("truncate", path, error)
    return code


def fallocate_(argv: list[str]) -> int:
    """Make a file at least as long as -l SIZE, from -o OFFSET on."""
    given = taken(argv, "", "lo")
    if "l" not in given or len(given.words) != 1:
        raise Refused("-l SIZE and a file are needed")
    try:
        file = os.open(given.words[0], os.O_RDWR | os.O_CREAT, 0o666)
        os.posix_fallocate(file, size(given.last("o", "0")), size(given.last("l")))
        os.close(file)
    except OSError as error:
        return complain("fallocate", given.words[0], error)
    return 0
