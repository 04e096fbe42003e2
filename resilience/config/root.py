"""The folder a project begins in: where targets are read and the local journal lies.

pytest's own root depends on every path of its command line, a kubeconfig's included, and the
command `resilience` has none. So both ask here: the nearest folder above with a configuration of
pytest's, else the nearest that looks like the top of a project, else the folder itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_OWN = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_SHARED = {"pyproject.toml": "[tool.pytest", "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]"}
_TOPS = ("resilience.toml", "pyproject.toml", "setup.py", ".git")


def project_root(start: Path) -> Path:
    """For whoever stands in `start`."""
    folder = start.absolute()
    return _nearest(folder, _configures) or _nearest(folder, _is_top) or folder


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
