"""Writes the bill of materials of the image as CycloneDX JSON: each package by its own metadata.

    python deploy/sbom.py FILE

Installs what deploy/requirements.lock and deploy/build.lock pin into two environments of its own,
which are removed at the end, and lets cyclonedx-bom read the first. The image holds the same file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

DEPLOY = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Exit code."""
    if len(arguments) != 1:
        print("usage: python deploy/sbom.py FILE", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as scratch:
        image = _installed(Path(scratch) / "image", "requirements.lock")
        tools = _installed(Path(scratch) / "build", "build.lock")
        subprocess.run([tools, *words(str(image), arguments[0])], check=True)
    print(f"wrote {arguments[0]}")
    return 0


def words(image: str, out: str) -> list[str]:
    """What is run in the environment of the tools; `image` is the Python that is described. The
    same as in deploy/Dockerfile."""
    return ["-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON",
            "-o", out, image]  # fmt: skip


def _installed(folder: Path, lock: str) -> Path:
    """The Python of a new environment with what is pinned."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", DEPLOY / lock]
    subprocess.run(pip, check=True)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
