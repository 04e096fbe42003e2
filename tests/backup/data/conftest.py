"""The folder that stands for a volume."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    (root / "deep/er").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "large").write_bytes(os.urandom(3 << 20))
    (root / "deep/er/ünïcode file").write_text("content")
    (root / "script").write_text("#!/bin/sh\n")
    (root / "script").chmod(0o750)
    (root / "link").symlink_to("deep/er")
    os.utime(root / "link", (1.4e9, 1.4e9), follow_symlinks=False)
    os.utime(root / "large", (1.5e9, 1.5e9))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
    return root
