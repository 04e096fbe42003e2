"""`date` and `touch`: the time now, and the times of files."""

from __future__ import annotations

import os
import time

from resilience.sandbox.images.files.dates import clock_of_container, moment, stamp
from resilience.sandbox.images.text.command_line import Refused, complain, taken

_DATE = {
    "utc": "u", "universal": "u", "date": "d", "reference": "r", "iso-8601": "I", "rfc-email": "R",
}  # fmt: skip
_TOUCH = {"no-create": "c", "date": "d", "reference": "r", "no-dereference": "h"}
_ISO = {
    "": "%Y-%m-%d", "date": "%Y-%m-%d", "hours": "%Y-%m-%dT%H%:z", "minutes": "%Y-%m-%dT%H:%M%:z",
    "seconds": "%Y-%m-%dT%H:%M:%S%:z", "ns": "%Y-%m-%dT%H:%M:%S,%N%:z",
}  # fmt: skip


def date_(argv: list[str]) -> int:
    """The time: -d TIME, -r FILE, -u, -I[hours, minutes, seconds], -R, +FORMAT; it sets none."""
    iso, words = None, [argv[0]]
    for word in argv[1:]:
        if word.startswith(("-I", "--iso-8601")):
            iso = word.removeprefix("--iso-8601").removeprefix("-I").removeprefix("=")
            if iso not in _ISO:
                raise Refused(f"invalid argument '{iso}' of -I")
        else:
            words.append(word)
    given = taken(words, "uR", "dr", _DATE)
    form = "%a %b %e %H:%M:%S %Z %Y" if iso is None else _ISO[iso]
    if "R" in given:
        form = "%a, %d %b %Y %H:%M:%S %z"
    for word in given.words:
        if not word.startswith("+"):
            raise Refused(f"invalid date '{word}'")
        form = word[1:]
    try:
        with clock_of_container():
            print(_told(_asked(given.last("d"), given.last("r")), form, utc="u" in given))
    except OSError as error:
        return complain("date", given.last("r"), error)
    return 0


def _asked(text: str, file: str) -> float:
    if file:
        return os.stat(file).st_mtime
    return moment(text, now=time.time()) if text else time.time()


def _told(seconds: float, form: str, *, utc: bool) -> str:
    about = time.gmtime(seconds) if utc else time.localtime(seconds)
    zone = time.strftime("%z", about)
    for mark, text in (("%N", f"{int(seconds % 1 * 1e9):09}"), ("%s", str(int(seconds))),
                       ("%:z", f"{zone[:3]}:{zone[3:]}"), ("%P", "%p")):  # fmt: skip
        form = form.replace("%%", "\0").replace(mark, text).replace("\0", "%%")
    if utc:
        form = form.replace("%Z", "UTC")
    return time.strftime(form, about)


def touch_(argv: list[str]) -> int:
    """Create files and set their times: -c creates none, -d TIME, -t STAMP, -r FILE, -a, -m, -h."""
    given = taken(argv, "camhf", "dtr", _TOUCH)
    if not given.words:
        raise Refused("no file is given")
    code = 0
    with clock_of_container():
        try:
            times = _times(given.last("d"), given.last("t"), given.last("r"))
        except OSError as error:
            return complain("touch", given.last("r"), error)
    for path in given.words:
        try:
            _touch(path, times, given.keys())
        except FileNotFoundError as error:
            code = code if "c" in given else complain("touch", path, error)
        except OSError as error:
            code = complain("touch", path, error)
    return code


def _times(date: str, mark: str, file: str) -> tuple[int, int] | None:
    if file:
        about = os.stat(file)
        return about.st_atime_ns, about.st_mtime_ns
    if not date and not mark:
        return None
    seconds = moment(date, now=time.time()) if date else stamp(mark)
    return (int(seconds * 1e9), int(seconds * 1e9))


def _touch(path: str, times: tuple[int, int] | None, letters: object) -> None:
    given = set(letters)  # type: ignore[call-overload]
    if not os.path.lexists(path) and "c" not in given:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
    follow = "h" not in given
    if times is None and not given & {"a", "m"}:
        os.utime(path, follow_symlinks=follow)
        return
    about = os.stat(path, follow_symlinks=follow)
    now = time.time_ns()
    access, change = times or (now, now)
    if "m" in given and "a" not in given:
        access = about.st_atime_ns
    if "a" in given and "m" not in given:
        change = about.st_mtime_ns
    os.utime(path, ns=(access, change), follow_symlinks=follow)
