"""The programs of `images/awk` print what those of busybox, or coreutils, print: see the .txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.images.transcripts import everything, hold

HERE = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize(("name", "number"), everything(HERE))
def test_a_transcript_holds(name: str, number: int) -> None:
    hold(HERE / name, number)
