"""The filters say what `kubectl drain` says, in its order."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.data.helper.helper_pod import helper
from resilience.drain.filters import Allow, Decision, Fate, controller_of, decide, leaving
from tests.drain.objects import pod

EMPTY_DIR = ({"name": "cache", "emptyDir": {}},)


def test_a_replicated_pod_is_evicted() -> None:
    assert decide(pod("web-1"), Allow()) == Decision(Fate.EVICT)


def test_a_daemon_is_left_alone_even_when_everything_is_allowed() -> None:
    daemon = pod("log-1", owner="DaemonSet", volumes=EMPTY_DIR)
    assert decide(daemon, Allow(empty_dir=True, bare=True)).fate is Fate.IGNORE


def test_a_finished_pod_of_a_daemonset_goes() -> None:
    assert decide(pod("log-1", owner="DaemonSet", phase="Failed"), Allow()).fate is Fate.EVICT


def test_a_kind_that_only_shares_the_name_daemonset_is_no_daemon() -> None:
    other = pod("log-1", owner="DaemonSet")
    other["metadata"]["ownerReferences"][0]["apiVersion"] = "example.org/v1"
    assert decide(other, Allow()).fate is Fate.EVICT


@pytest.mark.parametrize(
    ("changes", "allow", "fate"),
    [
        ({}, Allow(empty_dir=True), Fate.REFUSE),
        ({}, Allow(bare=True), Fate.EVICT),
        ({"phase": "Succeeded"}, Allow(), Fate.EVICT),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, Allow(), Fate.EVICT),
        ({"volumes": EMPTY_DIR}, Allow(bare=True), Fate.REFUSE),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, Allow(bare=True), Fate.IGNORE),
    ],
)
def test_a_pod_whose_daemonset_is_gone_counts_as_bare(
    changes: Any, allow: Allow, fate: Fate
) -> None:
    orphan = pod("log-1", app="log", owner="DaemonSet", **changes)
    assert decide(orphan, allow, orphaned=True).fate is fate


def test_the_refusal_of_an_orphan_names_its_daemonset() -> None:
    orphan = pod("log-1", app="log", owner="DaemonSet", volumes=EMPTY_DIR)
    assert decide(orphan, Allow(), orphaned=True).reason == (
        "nothing would recreate it (DaemonSet log does not exist); allow it with bare: true"
    )


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet", "Job"])
def test_other_controllers_are_not_asked_for(kind: str) -> None:
    """As for kubectl: whether they still exist changes nothing on this node."""
    assert decide(pod("web-1", owner=kind), Allow(), orphaned=True) == Decision(Fate.EVICT)


@pytest.mark.parametrize("owner", [None, "ReplicaSet", "DaemonSet"])
def test_a_pod_that_is_being_deleted_is_never_refused(owner: str | None) -> None:
    going = pod("x", owner=owner, volumes=EMPTY_DIR, deletionTimestamp="2026-01-01T00:00:00Z")
    expected = Fate.IGNORE if owner == "DaemonSet" else Fate.EVICT
    assert decide(going, Allow()).fate is expected


def test_a_mirror_pod_is_left_alone() -> None:
    mirror = pod("etcd", owner=None, annotations={"kubernetes.io/config.mirror": "x"})
    assert decide(mirror, Allow()).fate is Fate.IGNORE


@pytest.mark.parametrize("volume", [{"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}])
def test_local_data_is_refused_unless_allowed(volume: dict[str, object]) -> None:
    cached = pod("web-1", volumes=({"name": "cache", **volume},))
    assert decide(cached, Allow()).fate is Fate.REFUSE
    assert "empty_dir: true" in decide(cached, Allow()).reason
    assert decide(cached, Allow(empty_dir=True)).fate is Fate.EVICT


def test_a_host_path_is_no_local_data() -> None:
    mounted = pod("web-1", volumes=({"name": "logs", "hostPath": {"path": "/var/log"}},))
    assert decide(mounted, Allow()).fate is Fate.EVICT


def test_a_bare_pod_is_refused_unless_allowed() -> None:
    assert "bare: true" in decide(pod("lonely", owner=None), Allow()).reason
    assert decide(pod("lonely", owner=None), Allow(bare=True)).fate is Fate.EVICT


def test_an_owner_that_does_not_control_leaves_the_pod_bare() -> None:
    owned = pod("lonely")
    owned["metadata"]["ownerReferences"][0]["controller"] = False
    assert decide(owned, Allow()).fate is Fate.REFUSE


def test_local_data_is_named_before_bareness() -> None:
    both = pod("lonely", owner=None, volumes=EMPTY_DIR)
    assert "emptyDir" in decide(both, Allow()).reason


def test_a_finished_bare_pod_with_local_data_goes() -> None:
    done = pod("job-1", owner=None, phase="Succeeded", volumes=EMPTY_DIR)
    assert decide(done, Allow()).fate is Fate.EVICT


def test_a_backups_volume_helper_goes_though_it_is_bare_and_other_helpers_stay() -> None:
    ours = {"app.kubernetes.io/managed-by": "pytest-resilience"}
    name = helper("data", "shop", image="python:3", run="r", writing=False)["metadata"]["name"]
    assert decide(pod(name, owner=None, labels=ours), Allow()).fate is Fate.EVICT
    assert decide(pod(name, owner=None), Allow()).fate is Fate.REFUSE
    assert decide(pod("resilience-prober", owner=None, labels=ours), Allow()).fate is Fate.REFUSE


def test_a_pod_that_is_hardly_written_is_refused_as_a_bare_one() -> None:
    odd = {"metadata": {"name": "x", "ownerReferences": None, "annotations": None},
           "spec": {"volumes": None}, "status": None}  # fmt: skip
    assert "bare: true" in decide(odd, Allow()).reason
    assert decide(odd, Allow(bare=True)) == Decision(Fate.EVICT)


def test_the_controller_is_the_owner_that_says_so() -> None:
    two = pod("a")
    two["metadata"]["ownerReferences"].insert(0, {"kind": "Other", "uid": "u"})
    assert controller_of(two) == pod("a")["metadata"]["ownerReferences"][0]
    assert controller_of(pod("a", owner=None)) is None


def test_what_leaves_a_node_is_what_a_drain_evicts_when_all_is_allowed() -> None:
    bare, cached = pod("bare", owner=None), pod("cached", volumes=EMPTY_DIR)
    daemon = pod("log-1", owner="DaemonSet")
    assert leaving([bare, daemon, cached, pod("web-1")]) == [bare, cached, pod("web-1")]
    assert leaving([daemon, pod("web-1")], {"uid-log-1"}) == [daemon, pod("web-1")]
