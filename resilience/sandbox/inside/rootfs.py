"""A container's own root directory: no other container sees its writes.

A separate layer holds `/tmp`, `/root`, `/var`, `/run` and every name that the host does not share;
it is new with each instance, like a container's writable layer. The host's system directories and
the interpreter are visible and read-only. All of it is path translation (see `volume_paths`), so it
needs no permission and no namespace, and applies to Python programs only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Sequence

from resilience.sandbox.inside.launch import Launch, Mount

SYSTEM = ("/bin", "/etc", "/lib", "/lib32", "/lib64", "/sbin", "/sys", "/usr")
LIVING = ("/dev", "/proc")
"""Not files: what is written there goes to the kernel."""
EMPTY = (
    "", "boot", "etc", "home", "media", "mnt", "opt", "root", "run", "srv", "tmp", "var",
    "var/cache", "var/lib", "var/log", "var/tmp",
)  # fmt: skip
"""Parents first: this is on the way of every container that starts."""


def mounts(launch: Launch) -> tuple[Mount, ...]:
    """The directories in which the container's program finds its files; its volumes come on top."""
    if not launch.root:
        return launch.mounts
    fixed = [path for path in (*SYSTEM, *_interpreter()) if os.path.lexists(path)]
    return (
        Mount(path="/", source=launch.root, read_only=launch.read_only),
        *(Mount(path=path, source=path, read_only=True) for path in fixed),
        *(Mount(path=path, source=path) for path in LIVING),
        *(
            Mount(path=path, source=launch.root + path, read_only=launch.read_only)
            for path in (*_directories(launch), *_own(launch))
        ),
        *launch.mounts,
    )


def _interpreter() -> list[str]:
    """The directories of Python and of modules that may still be imported, outside the system's
    own."""
    places = {sys.prefix, sys.base_prefix, *(os.path.abspath(path) for path in sys.path if path)}
    inside = tuple(f"{path}/" for path in SYSTEM)
    return sorted(path for path in places if path != "/" and not path.startswith(inside))


def claim(launch: Launch) -> int | None:
    """A lock on the layer of a new instance, for the process that makes it; OSError.

    The parent takes it before it forks that process: a command that is started in the container a
    moment later finds it held (see `wait_until_made`), however late the maker runs.
    """
    if not launch.root or launch.within:
        return None
    os.makedirs(os.path.dirname(launch.root), exist_ok=True)
    lock = os.open(_lock(launch), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def wait_until_made(launch: Launch) -> None:
    """Return when the layer is complete, or its maker has ended."""
    lock = os.open(_lock(launch), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_SH)
    os.close(lock)


def _lock(launch: Launch) -> str:
    return f"{os.path.splitext(launch.root)[0]}.lock"


def make(launch: Launch) -> None:
    """Fill the layer of a new instance: standard directories, mount points, its own names."""
    root = launch.root
    for name in EMPTY:
        _point(f"{root}/{name}")
    os.chmod(f"{root}/tmp", 0o1777)
    if launch.image_root:
        shutil.copytree(launch.image_root, root, dirs_exist_ok=True)
    points = [path for path in (*SYSTEM, *LIVING) if os.path.lexists(path)]
    own = _directories(launch)
    for path in own:
        os.makedirs(root + path, exist_ok=True)
    for path in [*points, *(mount.path for mount in launch.mounts)]:
        below = path.startswith(("/dev/", *(f"{system}/" for system in SYSTEM)))
        if not below or _is_shown(path, own):
            _point(root + path)
    for path, text in _own(launch).items():
        with open(root + path, "w") as file:
            file.write(text)
    if not _is_shown(launch.cwd, points):
        os.makedirs(root + os.path.normpath(launch.cwd), exist_ok=True)


def _directories(launch: Launch) -> list[str]:
    """The image's own directories below the machine's; a mount over one hides it."""
    mounted = [mount.path for mount in launch.mounts]
    return [path for path in launch.directories if not _is_shown(path, mounted)]


def _point(place: str) -> None:
    try:
        os.mkdir(place)
    except FileExistsError:
        pass
    except FileNotFoundError:
        os.makedirs(place, exist_ok=True)
    except NotADirectoryError:
        pass  # below the mount of a single file, which is visible anyway


def _own(launch: Launch) -> dict[str, str]:
    """The container's own files in /etc by path; mounts of the Pod take precedence."""
    files = {"/etc/hostname": f"{launch.hostname}\n", "/etc/hosts": launch.hosts}
    if launch.resolv_conf:
        files["/etc/resolv.conf"] = launch.resolv_conf
    mounted = {mount.path for mount in launch.mounts}
    return {path: text for path, text in files.items() if path not in mounted}


def _is_shown(path: str, points: Sequence[str]) -> bool:
    return any(path == point or path.startswith(f"{point}/") for point in points)
