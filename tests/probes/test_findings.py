"""Probes that watch word their finding alike: what nobody saw has a reason, all else has none."""

from __future__ import annotations

import pytest

from resilience.model.finding import Reason, Result, Unit
from resilience.probes.findings import watched


@pytest.mark.parametrize("result", list(Result))
def test_only_what_was_not_measured_has_a_reason(result: Result) -> None:
    found = watched("orders", "lines", result, promised="no panic", measured="none of 4 lines",
                    unit=Unit.COUNT, value=0.0)  # fmt: skip
    assert found.reason is (Reason.UNOBSERVED if result is Result.NOT_MEASURED else None)
    assert (found.name, found.subject, found.result) == ("orders.lines", "orders", result)
    assert (found.promised, found.measured) == ("no panic", "none of 4 lines")
    assert (found.unit, found.value) == (Unit.COUNT, 0.0)
