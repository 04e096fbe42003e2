"""Names of objects, by kind."""

from __future__ import annotations

import pytest

from resilience.sandbox.apiserver.validation.metadata_names import metadata, rule_for


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
    ("finalizer", "is_custom", "is_refused"),
    [
        ("hold", False, True),
        ("hold", True, False),
        ("example.com/hold", False, False),
        ("foregroundDeletion", False, False),
        ("orphan", False, False),
        ("kubernetes", False, False),
        ("a/b/c", True, True),
    ],
)
def test_only_custom_resources_have_finalizers_without_a_domain(
    finalizer: str, is_custom: bool, is_refused: bool
) -> None:
    value = {"name": "a", "finalizers": ["example.com/first", finalizer]}
    causes = metadata(value, rule_for("", "pods"), is_custom=is_custom)
    assert bool(causes) is is_refused
