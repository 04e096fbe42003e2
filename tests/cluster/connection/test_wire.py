"""How a server is reached: what is said of a proxy, and what is not said of a choice."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from resilience.cluster import connect
from resilience.cluster.access.access import Access
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.errors import Unreachable
from resilience.cluster.interface import NODES


def test_who_skips_the_verification_is_not_warned() -> None:
    with sandbox(nodes=1) as embedded, warnings.catch_warnings():
        warnings.simplefilter("error")
        with connect(replace(embedded.access, verify=False)) as cluster:
            with cluster.view(NODES) as nodes:
                assert len(nodes.objects()) == 1
        strange = replace(embedded.access, ca_data="", ca_file="")
        with connect(strange) as cluster, pytest.raises(Unreachable, match="is not trusted"):
            cluster.server_version()


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "http://me:secret@127.0.0.1:9"])
def test_a_proxy_that_is_down_is_named_without_its_password(proxy: str) -> None:
    access = Access(context="staging", server="https://cluster.invalid:6443", proxy=proxy)
    with connect(access) as cluster, pytest.raises(Unreachable) as told:
        cluster.server_version()
    assert "(context 'staging', through the proxy http://127.0.0.1:9) did not answer" in str(
        told.value
    )
    assert "secret" not in str(told.value)
