"""Each namespace has one place of its own."""

from __future__ import annotations

import pytest

from resilience.backup.format.errors import RestoreRefused
from resilience.backup.objects.mapping import Targets
from tests.backup.fakes import (
    FakeCluster,
    config_map,
    shop,
)
from tests.backup.restore.restoring import brought_back, created, stored


@pytest.mark.parametrize("mapping", [{"shop": "bank"}, {"shop": "copy", "bank": "copy"}])
def test_two_namespaces_into_one_are_refused_before_anything_is_written(
    mapping: dict[str, str],
) -> None:
    source = shop()
    source.namespace("bank")
    source.add(config_map("settings", "bank", colour="other"))
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match=r"bank, shop of snapshot one would both go to"):
        brought_back(stored(source, "shop", "bank"), target, targets=Targets(namespaces=mapping))
    assert created(target) == []


def test_two_namespaces_may_change_places() -> None:
    source = shop()
    source.namespace("bank")
    source.add(config_map("only-here", "bank"))
    target = FakeCluster()
    swapped = Targets(namespaces={"shop": "bank", "bank": "shop"})
    assert brought_back(stored(source, "shop", "bank"), target, targets=swapped).complete
    assert ("configmaps", "shop", "only-here") in target.objects
    assert ("secrets", "bank", "password") in target.objects
