"""Which namespace the name of a Service or a Pod says, and which names say none."""

from __future__ import annotations

import pytest

from resilience.kube.service_names import namespace_in, searched_namespace


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("db.bank.svc", "bank"), ("db.bank.svc.cluster.local.", "bank"), ("DB.Bank.SVC", "bank"),
        ("db-0.db.bank.svc.cluster.local", "bank"), ("10-0-0-1.bank.pod.cluster.local", "bank"),
        ("db.bank", ""), ("example.com", ""), ("svc.example.com", ""), ("", ""), ("10.0.0.1", ""),
        ("a.b.svc.example.com", ""), ("x.svc", ""),
    ],
)  # fmt: skip
def test_the_namespace_in_the_name_of_a_service(host: str, namespace: str) -> None:
    assert namespace_in(host) == namespace


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("db.bank", "bank"), ("db-0.db.bank", "bank"), ("DB.Bank", "bank"), ("example.com", "com"),
        ("db", ""), ("db.bank.", ""), ("db.bank.svc", ""), ("10.0.0.1", ""), ("10.1", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_namespace_that_a_search_list_would_find(host: str, namespace: str) -> None:
    assert searched_namespace(host) == namespace
