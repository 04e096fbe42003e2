"""Removes from an environment what pytest-resilience never loads, and compiles the rest; run by its
Python, for the image.

Two packages bring two thirds of its size: an asyncio client of Kubernetes, and the descriptions of
all services of AWS. tests/e2e/test_image.py holds that nothing needs them.

What is compiled bears a hash instead of the source's time: a builder may set all times anew, which
would make every module outdated, and a read-only file system never has them compiled again.
"""

from __future__ import annotations

import compileall
import py_compile
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

NEVER = ("kubernetes/aio",)
"""Folders below site-packages."""

SERVICES = ("ec2", "s3", "signin", "sso", "sso-oidc", "sts")
"""Services of AWS that stay: stores, machines, and the ways to get credentials."""


def unneeded(packages: Path) -> Iterator[Path]:
    """The folders that go."""
    yield from (folder for name in NEVER if (folder := packages / name).is_dir())
    data = packages / "botocore" / "data"
    if data.is_dir():
        yield from (
            each for each in sorted(data.iterdir()) if each.is_dir() and each.name not in SERVICES
        )


def compiled(folder: Path) -> None:
    """Compiles every module below `folder`. A package may bring files that are no Python of this
    version; they stay as they are."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, force=True, invalidation_mode=mode)


def main() -> None:
    """Removes them, says how much that was, and compiles the rest."""
    packages = Path(sysconfig.get_path("purelib"))
    gone = 0
    for folder in list(unneeded(packages)):
        gone += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
    print(f"removed {gone / 1e6:.0f} MB that is never loaded")
    compiled(packages)


if __name__ == "__main__":
    main()
