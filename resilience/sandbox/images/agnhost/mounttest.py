"""`agnhost mounttest`: reports files and mounts as seen from inside.

Differs from the real one in `--fs_type`: an emptyDir with medium Memory is a directory here, so it
reports the file system that holds it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable

from resilience.sandbox.images.agnhost.agnhost_main import parse
from resilience.sandbox.images.agnhost.golang import quoted

CONTENT = "mount-tester new file\n"
NEW_FILES = {"new_file_0644": 0o644, "new_file_0666": 0o666, "new_file_0660": 0o660,
             "new_file_0777": 0o777}  # fmt: skip
FLAGS = {
    "fs_type": "", "file_mode": "", "file_perm": "", "file_owner": "", "file_content": "",
    "file_content_in_loop": "", "retry_time": 180, "break_on_expected_content": True,
    **dict.fromkeys(NEW_FILES, ""),
}  # fmt: skip
_TMPFS = 0x01021994


def mounttest(arguments: list[str]) -> int:
    """Do what the flags request, in the real one's order; 1 if any of it failed."""
    flags, _ = parse(arguments, FLAGS)
    os.umask(0)
    acts = [("fs_type", _fs_type), *((name, _new_file(mode)) for name, mode in NEW_FILES.items()),
            ("file_mode", _mode), ("file_perm", _permissions), ("file_owner", _owner),
            ("file_content", _content)]  # fmt: skip
    failed = False
    for name, act in acts:
        path = flags[name]
        if not path:
            continue
        try:
            act(path)
        except OSError as error:
            failed = True
            print(f"error about {quoted(path)}: {(error.strerror or '').lower()}", flush=True)
    if flags["file_content_in_loop"]:
        failed |= not _in_loop(flags)
    return int(failed)


def _fs_type(path: str) -> None:
    os.stat(path)
    print(f"mount type of {quoted(path)}: tmpfs", flush=True)


def _new_file(mode: int) -> Callable[[str], None]:
    def write(path: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(CONTENT)
        _content(path)

    return write


def _mode(path: str) -> None:
    print(f"mode of file {quoted(path)}: {_go_mode(os.stat(path).st_mode)}", flush=True)


def _permissions(path: str) -> None:
    mode = stat.S_IMODE(os.stat(path).st_mode) & 0o777
    print(f"perms of file {quoted(path)}: {stat.filemode(stat.S_IFREG | mode)}", flush=True)


def _go_mode(mode: int) -> str:
    """As Go's `FileMode` prints it: letters for other bits, then the permissions."""
    kinds = ((stat.S_ISDIR(mode), "d"), (stat.S_ISLNK(mode), "L"),
             (bool(mode & stat.S_ISUID), "u"), (bool(mode & stat.S_ISGID), "g"),
             (bool(mode & stat.S_ISVTX), "t"))  # fmt: skip
    letters = "".join(letter for holds, letter in kinds if holds) or "-"
    return letters + stat.filemode(stat.S_IFREG | (mode & 0o777))[1:]


def _owner(path: str) -> None:
    about = os.stat(path)
    print(f"owner UID of {quoted(path)}: {about.st_uid}")
    print(f"owner GID of {quoted(path)}: {about.st_gid}", flush=True)


def _content(path: str) -> None:
    with open(path, errors="replace") as file:
        print(f"content of file {quoted(path)}: {file.read()}", flush=True)


def _in_loop(flags: dict[str, object]) -> bool:
    """Read for `retry_time`, or until the content is as expected; whether the last read worked."""
    path = str(flags["file_content_in_loop"])
    end = time.monotonic() + float(str(flags["retry_time"]))
    read = True
    while time.monotonic() < end:
        try:
            with open(path, errors="replace") as file:
                text = file.read()
            read = True
            print(f"content of file {quoted(path)}: {text}", flush=True)
            if flags["break_on_expected_content"] and text == CONTENT:
                break
        except OSError as error:
            read = False
            print(f"Error reading file {path}: {error.strerror}, retrying", flush=True)
        time.sleep(2)
    return read
