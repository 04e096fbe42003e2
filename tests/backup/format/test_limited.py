"""The limits of documents that come from a store."""

from __future__ import annotations

import pytest

from resilience.backup.format import limited


@pytest.mark.parametrize("opening", ['{"a":', "["])
@pytest.mark.parametrize("beside", [0, 300])
def test_two_hundred_levels_are_read_and_one_more_is_refused(opening: str, beside: int) -> None:
    """`beside`: how many containers there are beside those that are nested."""
    closing = "}" if opening == '{"a":' else "]"

    def nested(levels: int) -> bytes:
        deep = opening * (levels - 1) + "1" + closing * (levels - 1)
        return f"[{deep}{',{}' * beside}]".encode()

    limited.parsed(nested(limited.DEEPEST))
    with pytest.raises(ValueError, match="nested deeper"):
        limited.parsed(nested(limited.DEEPEST + 1))
