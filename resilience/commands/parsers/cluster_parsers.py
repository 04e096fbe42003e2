"""The parsers of the commands on a cluster: recover, doctor, rbac."""

from __future__ import annotations

import argparse

from resilience.commands.outputs import add_output
from resilience.commands.parsers.setting_options import add_settings


def add_recover(recover: argparse.ArgumentParser) -> None:
    recover.add_argument("id", nargs="?", metavar="RUN", help="only this run (default: all)")
    kept = recover.add_mutually_exclusive_group()
    kept.add_argument("--force", action="store_true",
                      help="also undo changes that someone else has modified since; needs "
                           "RUN")  # fmt: skip
    kept.add_argument("--forget", action="store_true",
                      help="do not undo changes that someone else has modified since; needs "
                           "RUN")  # fmt: skip
    add_settings(recover, {"context", "kubeconfig", "journal", "journal_namespace", "lock_wait"})
    add_output(recover)
    recover.set_defaults(run=_recover)


def add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.add_argument("paths", nargs="*", metavar="PATH", help="scenarios and plans to check")
    add_settings(
        doctor,
        {
            "context",
            "kubeconfig",
            "namespace",
            "journal_namespace",
            "helper_image",
            "scenarios",
            "plans",
        },
    )
    add_output(doctor)
    doctor.set_defaults(run=_doctor)


def add_rbac(rbac: argparse.ArgumentParser) -> None:
    rbac.add_argument("paths", nargs="+", metavar="PATH", help="files or directories")
    who = rbac.add_mutually_exclusive_group()
    who.add_argument(
        "--service-account",
        metavar="NS:NAME",
        help="ServiceAccount to bind the roles to (default: resilience-journal:resilience, "
        "created as well)",
    )
    who.add_argument("--user", metavar="NAME", help="user to bind the roles to")
    who.add_argument("--group", metavar="NAME", help="group to bind the roles to")
    which = rbac.add_mutually_exclusive_group()
    which.add_argument(
        "--with-namespaces",
        action="store_true",
        help="print the Namespace of each Role as well, for a cluster that has none of them: "
        "applied to an existing one it can remove labels, and `kubectl delete -f` deletes it",
    )
    which.add_argument(
        "--without-namespaces",
        action="store_true",
        help="print no Namespace, not even the one of journals",
    )
    rbac.add_argument(
        "--selected",
        metavar="NAMESPACE",
        action="append",
        default=[],
        help="for steps that select namespaces by label: grant their permissions in this "
        "namespace only, instead of the whole cluster (repeatable)",
    )
    rbac.add_argument(
        "--only",
        action="append",
        default=[],
        choices=("scenarios", "backup", "proof", "drill"),
        help="print only the permissions that this use of the files needs (repeatable; default "
        "all): scenarios, `resilience backup` with a plan, the plan's proof (`fresh` and "
        "`intact`), its drill",
    )
    add_settings(rbac, {"namespace", "journal_namespace", "scenarios", "plans"})
    add_output(rbac, ("yaml", "json"), default="yaml")
    rbac.set_defaults(run=_rbac)


def _recover(options: argparse.Namespace) -> int:
    from resilience.commands import recover

    return recover.recover(options)


def _doctor(options: argparse.Namespace) -> int:
    from resilience.commands import doctor

    return doctor.doctor(options)


def _rbac(options: argparse.Namespace) -> int:
    from resilience.commands import rbac

    return rbac.show(options)
