"""Which names an API server can have stored."""

from __future__ import annotations

import pytest

from resilience.kube.path_segments import is_segment


@pytest.mark.parametrize(
    "name",
    ["web", "system:node", "a.b", "...", "x?y", "x#y", "a b", "x\ny", "x\u00a0y", "x\x1b[2J"],
)
def test_what_an_api_server_accepts(name: str) -> None:
    assert is_segment(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a%2fb", "x\x00y", "x\ud800"])
def test_a_name_that_would_change_a_path_is_no_segment(name: str) -> None:
    assert not is_segment(name)
