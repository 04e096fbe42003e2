"""Reading scenarios: the whole language beside the YAML parser alone, over the wanted documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks import Row, median_of, milliseconds, seconds
from resilience.language import load
from resilience.model.verb import Catalogue

FILES = 1000
HOME = Path(__file__).parents[1] / "tests" / "language" / "wanted"


def measure() -> Iterator[Row]:
    """1,000 small files; reading them from the disk is not part of it."""
    from tests.language.real import MERGED

    found = [(path, path.read_bytes()) for path in sorted(HOME.glob("*.scenario.yaml"))]
    sources = [found[number % len(found)] for number in range(FILES)]
    alone = median_of(5, lambda: seconds(lambda: _compose(sources)))
    whole = median_of(5, lambda: seconds(lambda: _load(sources, MERGED)))
    yield Row(
        what=f"{FILES:,} scenario files to typed values",
        measured=milliseconds(whole),
        reach="0.7 s",
        beside=f"YAML nodes alone {milliseconds(alone)}",
        ratio=whole / alone,
    )


def _compose(sources: list[tuple[Path, bytes]]) -> None:
    for _, data in sources:
        list(yaml.compose_all(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _load(sources: list[tuple[Path, bytes]], catalogue: Catalogue) -> None:
    for path, data in sources:
        load(path, data, catalogue, {"SHOP_HOST": "shop.example"})
