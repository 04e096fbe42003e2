"""What is asked of a real Velero and of ours about each other's backups, one function each.

The order matters: a check may use what the ones before left in the bucket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from tests.referee.velero import Sides


def the_server_runs_and_its_store_is_available(a: Sides) -> None:
    def available() -> bool:
        return "Available" in a.kubectl("get", "bsl", "default", "-n", "velero", "-o", "json")

    a.until(available, "the BackupStorageLocation is Available")


def velero_backs_up_a_namespace_and_runs_its_hook(a: Sides) -> None:
    a.velero("backup", "create", "theirs", "--include-namespaces", "shop",
             "--snapshot-volumes=false", "--wait")  # fmt: skip
    assert _phase(a, "theirs") == "Completed"
    assert "pre-hook" in a.kubectl("exec", "-n", "shop", "deploy/web", "--", "ls", "/tmp")


def we_list_show_verify_and_compare_it(a: Sides) -> None:
    listed = next(line for line in a.ours("backup", "list").splitlines() if "theirs" in line)
    assert "Velero" in listed
    assert "Completed" in listed
    assert "StatefulSet" in a.ours("backup", "show", "theirs")
    assert "contains everything that Velero listed" in a.ours("backup", "verify", "theirs")
    assert "nothing differs" in a.on_cluster("backup", "diff", "theirs")


def we_restore_it_elsewhere_without_its_events(a: Sides) -> None:
    said = a.on_cluster("restore", "theirs", "--into", "shop-ours")
    assert "0 failed" in said or "failed" not in said, said
    assert "hook" in said, said  # restore hooks are Velero's: reported, not run
    a.ready("shop-ours")
    a.same("shop-ours")


def velero_lists_describes_and_reads_the_log_of_ours(a: Sides) -> None:
    a.on_cluster("backup", "create", "--namespace", "shop", "--volumes")
    name = _ours(a)
    a.until(lambda: name in a.velero("backup", "get"), f"Velero lists {name}")
    assert _phase(a, name) == "Completed"
    described = a.velero("backup", "describe", name, "--details")
    assert "data-db-0" in described, described
    assert "Warnings" in described, described
    assert a.velero("backup", "logs", name)


def velero_restores_ours_elsewhere_and_runs_the_restore_hook(a: Sides) -> None:
    a.velero("restore", "create", "from-ours", "--from-backup", _ours(a),
             "--namespace-mappings", "shop:shop-theirs", "--wait")  # fmt: skip
    status = json.loads(a.kubectl("get", "restore", "from-ours", "-n", "velero", "-o", "json"))
    assert status["status"]["phase"] == "Completed", status["status"]
    a.ready("shop-theirs")
    a.same("shop-theirs")
    assert "post-hook" in a.kubectl("exec", "-n", "shop-theirs", "deploy/web", "--", "ls", "/tmp")


def a_partially_failed_backup_is_listed_and_refused_as_such(a: Sides) -> None:
    hook = {"pre.hook.backup.velero.io/command": '["false"]',
            "pre.hook.backup.velero.io/on-error": "Fail"}  # fmt: skip
    pod = a.kubectl("get", "pods", "-n", "shop", "-l", "app=db", "-o", "name").strip()
    a.kubectl("patch", pod, "-n", "shop", "--type=merge", "-p", _annotated(hook))
    a.velero("backup", "create", "partly", "--include-namespaces", "shop",
             "--snapshot-volumes=false", "--wait")  # fmt: skip
    assert _phase(a, "partly") == "PartiallyFailed"
    assert "PartiallyFailed" in a.ours("backup", "list")
    # Velero lists the Pod whose hook failed, and its archive lacks it.
    said = a.on_cluster("restore", "partly", "--into", "shop-fs", code=1)
    assert "its archive lacks: Pod shop/db-0; its phase is PartiallyFailed" in said, said
    without = _annotated(dict.fromkeys(hook))
    a.kubectl("patch", pod, "-n", "shop", "--type=merge", "-p", without)


def _annotated(annotations: Mapping[str, str | None]) -> str:
    return json.dumps({"metadata": {"annotations": annotations}})


def file_system_backup_without_a_node_agent_is_never_taken_for_data(a: Sides) -> None:
    a.velero("backup", "create", "files", "--include-namespaces", "shop",
             "--default-volumes-to-fs-backup", "--snapshot-volumes=false", "--wait")  # fmt: skip
    phase = _phase(a, "files")
    assert phase in a.ours("backup", "list")
    assert phase == "PartiallyFailed", phase


def a_backup_by_kinds_knows_its_namespaces(a: Sides) -> None:
    a.kubectl("create", "configmap", "one", "-n", "kinds", "--from-literal=a=1")
    a.kubectl("label", "configmap", "one", "-n", "kinds", "only=me")
    a.velero("backup", "create", "kinds", "--include-resources", "configmaps", "--selector",
             "only=me", "--wait")  # fmt: skip
    a.on_cluster("restore", "kinds", "--into", "kinds=kinds-copy")
    a.kubectl("get", "configmap", "one", "-n", "kinds-copy")
    a.kubectl("create", "namespace", "unnamed")
    a.kubectl("create", "configmap", "two", "-n", "unnamed", "--from-literal=a=1")
    a.kubectl("label", "configmap", "two", "-n", "unnamed", "only=you")
    a.velero("backup", "create", "foreign", "--include-resources", "configmaps", "--selector",
             "only=you", "--wait")  # fmt: skip
    a.kubectl("delete", "configmap", "two", "-n", "unnamed")
    assert "unnamed" in a.on_cluster("restore", "foreign", code=1)
    assert "two" not in a.kubectl("get", "configmaps", "-n", "unnamed", "-o", "name")


def velero_deletes_ours_and_we_prune_nothing_of_veleros(a: Sides) -> None:
    plan = "plan: theirs\nnamespaces: [shop]\nstore: {}\nkeep: {{last: 1}}\n"
    store = f"s3://bucket/p?endpoint={a.endpoint}"
    (a.directory / "theirs.plan.yaml").write_text(plan.format(store))
    for stamp in ("20260101000000", "20260102000000"):
        a.velero("backup", "create", f"theirs-{stamp}", "--include-namespaces", "kinds", "--wait")
    a.ours("backup", "prune", "theirs.plan.yaml")
    assert _phase(a, "theirs-20260101000000") == "Completed"
    assert "theirs-20260101000000" in a.ours("backup", "list")
    name = _ours(a)
    a.velero("backup", "delete", name, "--confirm")
    a.until(lambda: name not in a.ours("backup", "list"), f"{name} is deleted")
    assert "Available" in a.kubectl("get", "bsl", "default", "-n", "velero", "-o", "json")


def _phase(a: Sides, name: str) -> str:
    found = json.loads(a.kubectl("get", "backup", name, "-n", "velero", "-o", "json"))
    return str(found["status"]["phase"])


def _ours(a: Sides) -> str:
    """The newest snapshot of ours of the namespace `shop`."""
    names = [line.split()[0] for line in a.ours("backup", "list").splitlines()[1:]]
    return max(name for name in names if name.startswith("shop-"))


CHECKS: tuple[Callable[[Sides], None], ...] = (
    the_server_runs_and_its_store_is_available,
    velero_backs_up_a_namespace_and_runs_its_hook,
    we_list_show_verify_and_compare_it,
    we_restore_it_elsewhere_without_its_events,
    velero_lists_describes_and_reads_the_log_of_ours,
    velero_restores_ours_elsewhere_and_runs_the_restore_hook,
    a_partially_failed_backup_is_listed_and_refused_as_such,
    file_system_backup_without_a_node_agent_is_never_taken_for_data,
    a_backup_by_kinds_knows_its_namespaces,
    velero_deletes_ours_and_we_prune_nothing_of_veleros,
)
