"""A restore procedure for someone who has never done it, at night. Pure: a plan in, text out.

The indented lines are literal commands, except NAME and CONTEXT; a test types them. Paths are
relative to the reader's directory, since a procedure is printed on one host and followed on
another. The drill of the plan performs the same steps.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from resilience.model.scenario import Plan


def runbook(plan: Plan, file: Path, here: Path) -> str:
    """The runbook for the plan in `file`, a path relative to the directory `here`."""
    store = shlex.quote(_store(plan, file, here))
    at = Path(os.path.relpath(file, here)).as_posix()
    identity = " --identity age.key" if plan.recipients else ""
    rto = plan.objective.rto
    steps = "\n".join(_steps(plan, store, identity))
    return f"""# Restore {plan.title}: step by step

Namespaces: {", ".join(plan.namespaces)}. Store: {store}.{_promise(rto)}
You need: the `resilience` command (`pip install pytest-resilience`), {_access(store)},
a kubeconfig context of the target cluster (below: CONTEXT), and permission to create what the
snapshot holds there.{_also(plan)}
Change to the directory in which the plan's path is `{at}`.

{steps}

The drill of this plan (`pytest {shlex.quote(at)} -m drill`) does steps 2, 5, 6 and 7 into a scratch
namespace and measures how long they take."""


def _promise(rto: object) -> str:
    return f" This should take no longer than {rto}." if rto else ""


def _store(plan: Plan, file: Path, here: Path) -> str:
    """A plan's directory is relative to the plan's file, a person's to the working directory."""
    if not plan.store.startswith("file:"):
        return plan.store
    path = (file.absolute().parent / plan.store.removeprefix("file:")).absolute()
    return f"file:{Path(os.path.relpath(path, here)).as_posix()}"


def _access(store: str) -> str:
    """Credentials of S3 come from where AWS's own tools take them, not from the URL."""
    if "s3://" not in store:
        return "the directory of the store"
    return "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for the store"


def _also(plan: Plan) -> str:
    needs = []
    if plan.recipients:
        needs.append("the age private key of this plan, as the file age.key")
    if plan.engine == "restic":
        needs.append("restic, and its password (RESTIC_PASSWORD_FILE)")
    return f"\nAlso: {'; '.join(needs)}." if needs else ""


def _steps(plan: Plan, store: str, identity: str) -> Iterator[str]:
    read = f"--store {store}{identity}"
    yield f"""1. List the snapshots. Take the newest verified one that STARTED before the accident.
   A time can be used as a name: 2026-03-01T10:00 is the newest that began at or before that time
   (UTC).
       resilience backup list --store {store}
2. Verify it. If this fails, take the one before it.
       resilience backup verify NAME {read}
3. See what it contains, and what could not be read.
       resilience backup show NAME --store {store}
4. Ask the target cluster what would happen. Nothing is changed by this.
       resilience restore NAME {read} --context CONTEXT --dry-run
   If the cluster has not consented, step 5 says what to write (docs/how-to/real-cluster.md).
   `would be refused` says what blocks the restore. To keep what exists add `--existing skip`; to
   overwrite it with the snapshot add `--existing update`.
5. Restore. If it is interrupted, run it again with the `--resume` option that its errors contain.
       resilience restore NAME {read} --context CONTEXT
6. Compare. `nothing differs` is what you want to read.
       resilience backup diff NAME {read} --context CONTEXT --recorded-only
7. Look at the workloads. Repeat this until all are ready, then inform the users."""
    for namespace in plan.namespaces:
        which = "--all-namespaces" if set(namespace) & set("*?[") else f"--namespace {namespace}"
        yield f"       kubectl --context CONTEXT {which} get pods"
