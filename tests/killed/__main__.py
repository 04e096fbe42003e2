"""`python -m tests.killed`: what is left once a command was killed at a random moment.

Prints a line for each moment, and at the end how many were clean. The same `--seed` kills at the
same moments, as far as a machine repeats itself. Exit code 1 if anything was left.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from resilience.cluster import connect
from resilience.cluster.access import embedded
from tests.actions.network.chaosmesh import Controller, crd
from tests.killed import cluster_state
from tests.killed.cases import FILES, VOLUMES, Case, cases, command
from tests.killed.moments import Project, Trouble, own_disk


def main() -> int:
    options = _options()
    with embedded.sandbox(nodes=3) as running, tempfile.TemporaryDirectory() as folder:
        with (
            own_disk(Path(folder)) as disk,
            connect(running.access) as cluster,
            Controller(cluster, crd(cluster)),
        ):
            print("journal and report are on a disk that can be filled" if disk else
                  "this user may mount no tmpfs: no disk is filled, files cannot grow")  # fmt: skip
            for name, text in FILES.items():
                (Path(folder) / name).write_text(text, encoding="utf-8")
            cluster_state.prepare(cluster, Path(folder))
            project = Project(folder=Path(folder), cluster=cluster, disk=disk)
            there = ("--kubeconfig", str(running.kubeconfig))
            for words in (("-n", VOLUMES, "--volumes", "--name", "kept", "--store", "file:./store"),
                          ("copy.plan.yaml",)):  # fmt: skip
                project.whole(command("backup", "create", *words, *there))
            return _tried(project, cases(running.kubeconfig), options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.killed", description=__doc__)
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1800.0, help="begin none after this")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    return parser.parse_args()


def _tried(project: Project, found: list[Case], options: argparse.Namespace) -> int:
    chosen = [case for case in found if options.only in case.name]
    usual = {case.name: case.longest or project.undisturbed(case) for case in chosen}
    until, random = time.monotonic() + options.seconds, Random(options.seed)
    killed: Counter[str] = Counter()
    bad = 0
    for number in range(options.moments):
        if time.monotonic() > until:
            break
        case = chosen[number % len(chosen)]
        trouble = Trouble.chosen(random)
        after = random.uniform(0.15, 1.0) * usual[case.name]
        ended, left = project.moment(case, after, trouble)
        killed[f"{case.name}{'' if ended is None else ' (had ended)'}"] += 1
        bad += bool(left)
        print(f"{number + 1:3} {case.name}, {after:.1f} s, {trouble.value}: {left or 'clean'}",
              flush=True)  # fmt: skip
    for name, count in sorted(killed.items()):
        print(f"{name}: {count}")
    total = sum(killed.values())
    print(f"{total} moments, {total - bad} clean, {bad} with leftovers")
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.TimeoutExpired as error:
        sys.exit(f"{error}; it has to end by itself")
