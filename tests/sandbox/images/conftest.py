"""Programs of the images run in this process, too, and some set its umask, as in a container."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The usual one, and afterwards the one from before."""
    before = os.umask(0o022)
    yield
    os.umask(before)
