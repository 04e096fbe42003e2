"""The settings of a run: command line > environment > ini file > default.

`Settings` is what the rest of the code sees: typed and frozen, with the origin of each value, so
that a message can name it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience.config.option_values import SCHEME
from resilience.config.options import OPTIONS, PLANS, SCENARIOS, Option
from resilience.config.variables import misspelt


class BadSetting(ValueError):
    """A value that cannot be used; the text gives its source and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Settings:
    """The settings. `origins` says where each value came from: "--resilience-seed",
    "RESILIENCE_SEED", "resilience_seed in the ini file"; a name that was not set is missing from
    it. `member` is not an option: it is the name of the cluster in a fleet that these settings are
    for.
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
        return self.report if SCHEME.match(self.report) else ""

    @property
    def metrics_file(self) -> Path | None:
        """File for metrics; None for none. Relative paths are resolved against the working
        directory.
        """
        return Path(self.metrics).expanduser() if self.metrics else None


EMPTY = "is empty; expected a value (is a variable of the shell unset?)"
"""Of an option on a command line. `--resilience-context "$CLUSTER"` must not mean the sandbox."""

Lookup = Callable[[Option], Any]
"""The value that one source gives for an option, None when it gives none."""


def resolve(
    *, root: Path, cli: Lookup, ini: Lookup, environment: Mapping[str, str] | None = None
) -> Settings:
    """Look each option up in the sources, in order. BadSetting names source and value."""
    environment = os.environ if environment is None else environment
    wrong, meant = misspelt(environment)
    if wrong:
        raise BadSetting(f"the environment variable {wrong} is unknown; did you mean {meant}? "
                         "Rename it if it is your own")  # fmt: skip
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
    if cli(option) in ("", [""]):
        raise BadSetting(f"{option.cli} {EMPTY}")
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
