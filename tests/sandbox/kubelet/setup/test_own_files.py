"""/etc/hosts and /etc/resolv.conf, against what the kubelet's own tests expect."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kubelet.setup import own_files


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "shop", "name": "a"}, "spec": {"nodeName": "n", **spec}}


def test_a_pod_has_its_own_name_and_aliases() -> None:
    aliases = [{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}]
    found = own_files.hosts(pod(hostAliases=aliases), "127.20.1.1", "a")
    assert found == (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        "127.20.1.1\ta\n"
        "\n# Entries added by HostAliases.\n"
        "1.2.3.4\tfoo\tbar\n"
    )


def test_with_a_subdomain_the_whole_name_comes_first() -> None:
    found = own_files.hosts(pod(subdomain="db"), "127.20.1.1", "db-0")
    assert "127.20.1.1\tdb-0.db.shop.svc.cluster.local\tdb-0\n" in found


def test_on_the_nodes_network_the_nodes_names_are_seen() -> None:
    found = own_files.hosts(pod(hostNetwork=True), "127.20.0.1", "n")
    assert found.startswith("# Kubernetes-managed hosts file (host network).\n")
    assert found.endswith(own_files.NODE_HOSTS)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (
            {"dnsPolicy": "ClusterFirst"},
            "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
            "nameserver 127.20.128.10\noptions ndots:5\n",
        ),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, ""),
        ({"dnsPolicy": "Default"}, ""),
        (
            {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1"], "searches": ["x.y"]}},
            "search x.y\nnameserver 1.1.1.1\n",
        ),
        (
            {"dnsConfig": {"options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}},
            "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
            "nameserver 127.20.128.10\noptions ndots:2 edns0\n",
        ),
        (
            {"dnsPolicy": "Default", "dnsConfig": {"nameservers": ["1.1.1.1"]}},
            "search office\nnameserver 9.9.9.9\nnameserver 1.1.1.1\n",
        ),
    ],
)
def test_the_dns_policy_decides_the_resolver_configuration(
    spec: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_files, "_of_machine", lambda: (["9.9.9.9"], ["office"]))
    assert own_files.resolv_conf(pod(**spec), "127.20.128.10") == text
