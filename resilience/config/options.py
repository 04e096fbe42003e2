"""Every option of the project, defined once.

Argument parsers, ini files and the docs are made from `OPTIONS`. Imports nothing heavy: the plugin
is loaded in every pytest run of an environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resilience.config import option_values

SCENARIOS = ("*.scenario.yaml", "*.scenario.yml")
PLANS = ("*.plan.yaml", "*.plan.yml")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Option:
    """One option. Its flag is `--resilience-NAME`; its ini key and variable are derived from
    `name`.

    `parse` raises ValueError with what it expected. `environment` is the variable's name if it
    differs from the option's. A `flag` takes no value on the command line; a
    `many` option takes several. `of_one` is the help of a command that uses one cluster and no
    fleet, "" if it is the same.
    """

    name: str
    help: str
    of_one: str = ""
    parse: Callable[[Any], Any] = option_values.text
    metavar: str = ""
    flag: bool = False
    many: bool = False
    environment: str = ""

    @property
    def cli(self) -> str:
        """`--resilience-dry-run`."""
        return "--resilience-" + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """`resilience_dry_run`: the ini key, and where argparse stores it."""
        return f"resilience_{self.name}"

    @property
    def variable(self) -> str:
        """`RESILIENCE_DRY_RUN`."""
        return self.environment or self.key.upper()

    @property
    def ini_type(self) -> str:
        """The ini type, in pytest's names; in TOML such values need no quotes."""
        if self.many or self.flag:
            return "args" if self.many else "bool"
        return "int" if self.parse in (option_values.seed, option_values.nodes) else "string"


OPTIONS: tuple[Option, ...] = (
    Option(
        name="context",
        metavar="NAME",
        help=(
            "kubeconfig context of the cluster to use, or several as a,b,c: everything runs on "
            "each (a fleet); `in-cluster` uses the Pod's ServiceAccount; without a context and a "
            "kubeconfig, the embedded sandbox is started"
        ),
        of_one="kubeconfig context of the cluster to use; `in-cluster` uses the Pod's "
        "ServiceAccount",
    ),
    Option(
        name="fleet",
        metavar="FILE",
        help="TOML file with the clusters of a fleet; every scenario and plan runs on each",
    ),
    Option(
        name="kubeconfig",
        metavar="FILE",
        help="kubeconfig file to use instead of $KUBECONFIG or ~/.kube/config; without a context, "
        "its current context",
    ),
    Option(name="namespace", metavar="NAME", help="namespace for scenarios that do not set one"),
    Option(
        name="seed",
        metavar="N",
        parse=option_values.seed,
        help="seed of all random choices; takes precedence over the scenario's own seed",
    ),
    Option(
        name="report",
        metavar="DIR|URL",
        parse=option_values.report,
        help="directory for report.json and report.html; with s3://BUCKET/PREFIX or file:DIR, "
        "each session's report is kept there in its own folder",
    ),
    Option(
        name="report_keep",
        metavar="DURATION",
        parse=option_values.age,
        help="delete older sessions' reports from the URL of the report (default: keep all)",
    ),
    Option(
        name="metrics",
        metavar="FILE",
        help="file for the metrics of each scenario's last run, in the Prometheus text format",
    ),
    Option(
        name="push",
        metavar="URL",
        parse=option_values.gateway,
        help="Pushgateway to send the same metrics to; RESILIENCE_PUSH_USER and "
        "RESILIENCE_PUSH_PASSWORD are the credentials",
    ),
    Option(
        name="traces",
        metavar="URL",
        parse=option_values.collector,
        help="OTLP collector (HTTP) to send a trace of each run to, with a span for each step",
    ),
    Option(
        name="notify_on",
        metavar="EVENTS",
        parse=option_values.events,
        help="events to send to the URLs in RESILIENCE_NOTIFY (apprise), out of started, failed, "
        "recovered, missed (default failed,recovered,missed)",
    ),
    Option(
        name="dry_run",
        flag=True,
        parse=option_values.flag,
        help="show what each scenario would do; change nothing",
    ),
    Option(
        name="audit",
        flag=True,
        parse=option_values.flag,
        help="also check the namespace with the rules of `resilience audit`, each as a test; "
        "changes nothing",
    ),
    Option(
        name="sandbox_nodes",
        metavar="N",
        parse=option_values.nodes,
        help="number of nodes of the embedded sandbox (default 3)",
    ),
    Option(
        name="live",
        metavar="auto|on|off",
        parse=option_values.live,
        help="print steps while they run; auto: unless -q is given",
    ),
    Option(
        name="journal",
        metavar="DIR",
        help="directory of the local journal (default .resilience/journal)",
    ),
    Option(
        name="journal_namespace",
        metavar="NAME",
        parse=option_values.named,
        help="namespace for locks and the journal in the cluster (default resilience-journal)",
    ),
    Option(
        name="lock_wait",
        metavar="DURATION",
        parse=option_values.seconds,
        help="how long to wait for another run's lock (default 45s, long enough to detect a "
        "dead holder)",
    ),
    Option(
        name="helper_image",
        metavar="IMAGE",
        parse=option_values.image,
        help=(
            "image of helper Pods (default python:3.13-slim); a target's or a plan's helper_image"
            " takes precedence"
        ),
    ),
    Option(
        name="identity",
        metavar="FILE",
        environment="RESILIENCE_IDENTITY_FILE",
        help=(
            "file with the age private key that opens encrypted snapshots; RESILIENCE_IDENTITY"
            " holds the key's text instead"
        ),
    ),
    Option(
        name="replay",
        metavar="FILE",
        help="choose the same victims as the run of this report.json, with its seeds",
    ),
    Option(
        name="public",
        metavar="NAME",
        parse=option_values.globs,
        many=True,
        help=(
            "environment variables whose values may be shown; all other values that files take as "
            "${NAME} are shown as *** if they have 6 or more characters"
        ),
    ),
    Option(
        name="scenarios",
        metavar="GLOB",
        parse=option_values.globs,
        many=True,
        help=("file name patterns of scenarios (default " + " ".join(SCENARIOS) + ")"),
    ),
    Option(
        name="plans",
        metavar="GLOB",
        parse=option_values.globs,
        many=True,
        help=("file name patterns of plans (default " + " ".join(PLANS) + ")"),
    ),
)
