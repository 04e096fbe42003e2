"""The project's root folder: where targets are read and where the local journal is kept.

pytest's own root depends on every path on its command line, including that of a kubeconfig, and the
command `resilience` has none. So both use this: the nearest parent folder with a pytest
configuration, else the nearest that looks like the top of a project, else the folder itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SHARED = {"pyproject.toml": "[tool.pytest", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]"}
_TOPS = ("resilience.toml", "pyproject.toml", "setup.py", ".git")

SETTINGS = ("pyproject.toml", "resilience.toml")
"""The place of this project's tables: below [tool.resilience] in the first, at the top level in
the second."""


def project_root(start: Path) -> Path:
    """The root for a process whose working directory is `start`."""
    folder = start.absolute()
    return _nearest(folder, _configures) or _nearest(folder, _is_top) or folder


def project_files(root: Path) -> list[Path]:
    """The existing files with settings of this project."""
    return [path for name in SETTINGS if (path := root / name).is_file()]


def _nearest(start: Path, fits: Callable[[Path], bool]) -> Path | None:
    return next((folder for folder in (start, *start.parents) if fits(folder)), None)


def _configures(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _OWN) or any(
        _holds(folder / name, section) for name, section in _SHARED.items()
    )


def _is_top(folder: Path) -> bool:
    return any((folder / name).exists() for name in _TOPS)


def _holds(path: Path, section: str) -> bool:
    try:
        return section in path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
