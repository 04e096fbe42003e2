"""`--zoo-rounds N`: how often each service of the zoo is run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--zoo-rounds", type=int, default=1, metavar="N", help="run each service N times"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "zoo_round" in metafunc.fixturenames:
        rounds = metafunc.config.getoption("--zoo-rounds")
        metafunc.parametrize("zoo_round", range(1, rounds + 1), scope="module")
