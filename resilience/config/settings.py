"""Every option of the project, defined once: command line > environment > ini file > default.

`Settings` is what the rest of the code sees: typed and frozen, with the origin of each value, so
that a message can name it. Argument parsers, ini files and the docs are made from `OPTIONS`.
Imports nothing heavy: the plugin is loaded in every pytest run of an environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCENARIOS = ("*.scenario.yaml", "*.scenario.yml")
PLANS = ("*.plan.yaml", "*.plan.yml")

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):")
"""At least two letters: `c:` is no scheme, and such folders are rare."""

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


class BadSetting(ValueError):
    """A value that cannot be used; the text gives its source and what was expected."""


def _text(value: Any) -> str:
    return str(value)


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in TRUE | FALSE:
        raise ValueError("yes or no")
    return text in TRUE


def _seed(value: Any) -> int:
    text = str(value).strip()
    if not text.isdigit() or int(text) >= 2**64:
        raise ValueError("a whole number from 0 to 2^64 - 1")
    return int(text)


def _nodes(value: Any) -> int:
    text = str(value).strip()
    if not text.isdigit() or not 1 <= int(text) <= 5000:
        raise ValueError("a whole number from 1 to 5000")
    return int(text)


def _live(value: Any) -> str:
    if value not in ("auto", "on", "off"):
        raise ValueError("auto, on or off")
    return str(value)


def _named(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", str(value)):
        raise ValueError("the name of a namespace: lower case letters, digits and dashes")
    return str(value)


def _image(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9][\w.:/@-]*", str(value)):
        raise ValueError("an image reference such as registry.example.com/python:3.13-slim")
    return str(value)


def _seconds(value: Any) -> float:
    from resilience.model.values import Duration

    try:
        return Duration.parse(str(value)).seconds
    except ValueError:
        raise ValueError("a duration such as 0s, 45s or 10m") from None


def _report(value: Any) -> str:
    from resilience.model.store_urls import FORMS, SCHEMES

    text = str(value)
    if (scheme := _SCHEME.match(text)) and scheme[1] not in SCHEMES:
        raise ValueError(f"a directory, or {FORMS}")
    return text


def _age(value: Any) -> float:
    seconds = _seconds(value)
    if seconds <= 0:
        raise ValueError("a duration over 0 such as 90d")
    return seconds


def _gateway(value: Any) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the URL of a Pushgateway such as http://pushgateway:9091")
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "a URL without credentials; set RESILIENCE_PUSH_USER and RESILIENCE_PUSH_PASSWORD"
        )
    return str(value).rstrip("/")


def _collector(value: Any) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(
            "the URL of an OTLP collector such as http://collector:4318; "
            "OTEL_EXPORTER_OTLP_HEADERS logs in"
        )
    return str(value).rstrip("/")


NOTIFICATIONS = ("started", "failed", "recovered", "missed")


def _events(value: Any) -> tuple[str, ...]:
    words = tuple(str(value).replace(",", " ").split())
    if set(words) - set(NOTIFICATIONS):
        raise ValueError(f"some of {', '.join(NOTIFICATIONS)}")
    return words


def _globs(value: Any) -> tuple[str, ...]:
    parts = value.split() if isinstance(value, str) else [str(part) for part in value]
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Option:
    """One option. Its flag is `--resilience-NAME`; its ini key and variable are derived from
    `name`.

    `parse` raises ValueError with what it expected. `environment` is the variable's name if it
    differs from the option's. A `flag` takes no value on the command line; a
    `many` option takes several.
    """

    name: str
    help: str
    parse: Callable[[Any], Any] = _text
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
        return "int" if self.parse in (_seed, _nodes) else "string"


OPTIONS: tuple[Option, ...] = (
    Option(
        name="context",
        metavar="NAME",
        help=(
            "kubeconfig context of the cluster to use, or several as a,b,c: everything runs on "
            "each (a fleet); `in-cluster` uses the Pod's ServiceAccount; without a context and a "
            "kubeconfig, the embedded sandbox is started"
        ),
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
        parse=_seed,
        help="seed of all random choices; takes precedence over the scenario's own seed",
    ),
    Option(
        name="report",
        metavar="DIR|URL",
        parse=_report,
        help="directory for report.json and report.html; with s3://BUCKET/PREFIX or file:DIR, "
        "each session's report is kept there in its own folder",
    ),
    Option(
        name="report_keep",
        metavar="DURATION",
        parse=_age,
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
        parse=_gateway,
        help="Pushgateway to send the same metrics to; RESILIENCE_PUSH_USER and "
        "RESILIENCE_PUSH_PASSWORD are the credentials",
    ),
    Option(
        name="traces",
        metavar="URL",
        parse=_collector,
        help="OTLP collector (HTTP) to send a trace of each run to, with a span for each step",
    ),
    Option(
        name="notify_on",
        metavar="EVENTS",
        parse=_events,
        help="events to send to the URLs in RESILIENCE_NOTIFY (apprise), out of started, failed, "
        "recovered, missed (default failed,recovered,missed)",
    ),
    Option(
        name="dry_run",
        flag=True,
        parse=_flag,
        help="show what each scenario would do; change nothing",
    ),
    Option(
        name="audit",
        flag=True,
        parse=_flag,
        help="also check the namespace with the rules of `resilience audit`, each as a test; "
        "changes nothing",
    ),
    Option(
        name="sandbox_nodes",
        metavar="N",
        parse=_nodes,
        help="number of nodes of the embedded sandbox (default 3)",
    ),
    Option(
        name="live",
        metavar="auto|on|off",
        parse=_live,
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
        parse=_named,
        help="namespace for locks and the journal in the cluster (default resilience-journal)",
    ),
    Option(
        name="lock_wait",
        metavar="DURATION",
        parse=_seconds,
        help="how long to wait for another run's lock (default 45s, long enough to detect a "
        "dead holder)",
    ),
    Option(
        name="helper_image",
        metavar="IMAGE",
        parse=_image,
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
        parse=_globs,
        many=True,
        help=(
            "environment variables whose values may be shown; all other values that files take as "
            "${NAME} are shown as *** if they have 6 or more characters"
        ),
    ),
    Option(
        name="scenarios",
        metavar="GLOB",
        parse=_globs,
        many=True,
        help=("file name patterns of scenarios (default " + " ".join(SCENARIOS) + ")"),
    ),
    Option(
        name="plans",
        metavar="GLOB",
        parse=_globs,
        many=True,
        help=("file name patterns of plans (default " + " ".join(PLANS) + ")"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Settings:
    """The settings. `origins` says where each value came from: "--resilience-seed",
    "RESILIENCE_SEED", "resilience_seed in the ini file"; a name that was not set is missing from
    it. `member` is no option: the name of the cluster in a fleet that these settings are for.
    """

    context: str = ""
    fleet: str = ""
    kubeconfig: str = ""
    namespace: str = "default"
    seed: int | None = None
    report: str = ""
    report_keep: float = 0.0
    metrics: str = ""
    push: str = ""
    traces: str = ""
    notify_on: tuple[str, ...] = ("failed", "recovered", "missed")
    dry_run: bool = False
    audit: bool = False
    sandbox_nodes: int = 3
    live: str = "auto"
    journal: str = ""
    journal_namespace: str = "resilience-journal"
    lock_wait: float = 45.0
    helper_image: str = ""
    identity: str = ""
    replay: str = ""
    public: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = SCENARIOS
    plans: tuple[str, ...] = PLANS
    member: str = ""
    root: Path = field(default_factory=Path.cwd)
    origins: Mapping[str, str] = field(default_factory=dict)

    def origin(self, name: str) -> str:
        """Where this value came from, for a message."""
        return self.origins.get(name, "default")

    @property
    def is_fleet(self) -> bool:
        """Whether they name several clusters."""
        return bool(self.fleet) or "," in self.context

    @property
    def journal_directory(self) -> Path:
        """Directory of the local journal; relative paths are resolved against `root`."""
        return self.root / (self.journal or ".resilience/journal")

    def identity_files(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """Files with the age private key, () to use the environment. Only the command line wins
        over RESILIENCE_IDENTITY; a path in an ini file is relative to `root`."""
        origin = self.origin("identity")
        if not self.identity or (
            not origin.startswith("-") and environment.get("RESILIENCE_IDENTITY")
        ):
            return ()
        path = Path(self.identity).expanduser()
        return (str(self.root / path if "ini" in origin else path),)

    @property
    def report_directory(self) -> Path | None:
        """Directory for reports; None for none. Relative paths are resolved against the working
        directory.
        """
        return Path(self.report).expanduser() if self.report and not self.report_url else None

    @property
    def report_url(self) -> str:
        """URL of the store that keeps each session's report; "" for none."""
        return self.report if _SCHEME.match(self.report) else ""

    @property
    def metrics_file(self) -> Path | None:
        """File for metrics; None for none. Relative paths are resolved against the working
        directory.
        """
        return Path(self.metrics).expanduser() if self.metrics else None


Lookup = Callable[[Option], Any]
"""The value that one source gives for an option, None when it gives none."""


def resolve(
    *, root: Path, cli: Lookup, ini: Lookup, environment: Mapping[str, str] | None = None
) -> Settings:
    """Look each option up in the sources, in order. BadSetting names source and value."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for option in OPTIONS:
        given = _first(option, cli, environment, ini)
        if given is not None:
            value, origin = given
            values[option.name] = _parse(option, value, origin)
            origins[option.name] = origin
    return Settings(root=root, origins=origins, **values)


def _first(
    option: Option, cli: Lookup, environment: Mapping[str, str], ini: Lookup
) -> tuple[Any, str] | None:
    sources: Sequence[tuple[Any, str]] = (
        (cli(option), option.cli),
        (environment.get(option.variable), option.variable),
        (ini(option), f"{option.key} in the ini file"),
    )
    return next(((value, origin) for value, origin in sources if _given(value)), None)


def _given(value: Any) -> bool:
    # An empty variable means "not set": CI systems export absent inputs as empty variables.
    return value is not None and value != "" and value != []


def _parse(option: Option, value: Any, origin: str) -> Any:
    try:
        return option.parse(value)
    except ValueError as error:
        raise BadSetting(f"{origin}: {value!r} cannot be used; expected {error}") from None


def replaced(settings: Settings, *, namespace: str) -> Settings:
    """The same with another namespace."""
    from dataclasses import replace

    return replace(settings, namespace=namespace)


def nothing(option: Option) -> None:
    """A source without any values."""
    return
