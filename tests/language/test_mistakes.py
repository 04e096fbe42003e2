"""What a newcomer is told: every file under mistakes/ against one golden text.

`python -m tests.language.test_mistakes` writes the golden text anew; read the difference before you
commit it, as the person would who made the mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.language import load
from tests.language.toys import TOYS

HERE = Path(__file__).parent / "mistakes"
GOLDEN = HERE / "messages.txt"


def told(path: Path) -> list[str]:
    """The problems of a file, as a user sees them who stands in its folder."""
    loaded = load(path, None, TOYS, {"SHOP_NAMESPACE": "shop"})
    return [
        str(problem).replace(f"{HERE}/", "").replace(f"`{HERE}`", "`.`")
        for problem in loaded.problems
    ]


def files() -> list[Path]:
    return sorted(HERE.glob("*.yaml"))


def test_messages_are_those_that_were_read_and_approved() -> None:
    lines = [line for path in files() for line in told(path)]
    assert lines == GOLDEN.read_text().splitlines()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name.partition(".")[0])
def test_each_mistake_is_told_with_what_was_expected(path: Path) -> None:
    lines = told(path)
    assert lines
    assert all("; expected " in line for line in lines)


def test_messages_speak_of_no_parser_and_no_python() -> None:
    text = GOLDEN.read_text()
    for word in ("token", "scalar", "None", "Traceback", "tuple", "class "):
        assert word not in text


if __name__ == "__main__":
    GOLDEN.write_text("".join(f"{line}\n" for path in files() for line in told(path)))
