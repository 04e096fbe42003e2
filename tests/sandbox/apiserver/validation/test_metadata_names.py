"""Names of objects, by kind."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.validation.metadata_names import (
    metadata,
    rule_for,
    takes_any_finalizer,
)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("192.168.1.1", ""),
        ("fe80::42:1dff:fe84:f9e2", ""),
        ("2001:DB8::1", 'must be in canonical form ("2001:db8::1")'),
        ("0:0::1", 'must be in canonical form ("::1")'),
        ("192.168.1", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
    ],
)
def test_an_ipaddress_is_named_by_its_address(name: str, wrong: str) -> None:
    assert rule_for("networking.k8s.io", "ipaddresses")(name) == ([wrong] if wrong else [])


@pytest.mark.parametrize(
    ("finalizer", "group", "is_custom", "is_refused"),
    [
        ("hold", "", False, True),
        ("hold", "apps", False, True),
        ("hold", "networking.k8s.io", False, True),
        ("hold", "shop.example.com", True, False),
        ("customresourcecleanup.apiextensions.k8s.io", "apiextensions.k8s.io", False, False),
        ("hold", "admissionregistration.k8s.io", False, False),
        ("hold", "apiregistration.k8s.io", False, False),
        ("example.com/hold", "", False, False),
        ("foregroundDeletion", "", False, False),
        ("orphan", "", False, False),
        ("kubernetes", "", False, False),
        ("a/b/c", "shop.example.com", True, True),
    ],
)
def test_only_extensions_have_finalizers_without_a_domain(
    finalizer: str, group: str, is_custom: bool, is_refused: bool
) -> None:
    value = {"name": "a", "finalizers": ["example.com/first", finalizer]}
    anything = takes_any_finalizer(group, is_custom=is_custom)
    causes = metadata(value, rule_for("", "pods"), any_finalizer=anything)
    assert bool(causes) is is_refused
