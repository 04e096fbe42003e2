"""What a shard does inside of containers: its own part, and nothing that others do."""

from __future__ import annotations

from resilience.backup.take.data_request import Inside, of_part
from resilience.kube.selectors import Selector
from resilience.model.inside import Dump, PlanHook, Volumes
from tests.backup.fakes import FakeCluster

DB = Selector.parse("app=db")
HOOK = PlanHook(pods=DB, before=("freeze",))
INSIDE = Inside(
    volumes=Volumes(local=2),
    hooks=(HOOK,),
    dumps=(Dump(name="all", pods=DB, take=("dump",), load=("load",)),),
)


def cluster() -> FakeCluster:
    """A database in `one`, nothing in `two`."""
    made = FakeCluster()
    for name in ("one", "two"):
        made.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    metadata = {"name": "db-0", "namespace": "one", "labels": {"app": "db"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    spec, status = {"containers": [{"name": "db"}]}, {"phase": "Running"}
    made.add(pod | {"spec": spec, "status": status})
    return made


def test_a_hook_runs_in_the_shard_that_has_its_pods() -> None:
    assert list(of_part(INSIDE, cluster(), ["one", "two"]).hooks) == [HOOK]
    assert list(of_part(INSIDE, cluster(), ["two"]).hooks) == []


def test_what_completes_the_snapshot_is_left_to_the_last_shard() -> None:
    part = of_part(INSIDE, cluster(), ["one"])
    assert part.volumes
    assert (part.volumes.local, list(part.dumps)) == (0, [])
    assert of_part(Inside(), cluster(), ["one"]).volumes is None
