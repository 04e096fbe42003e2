"""Query parameters of lists, watches and writes, checked as the real server checks them.

Source: k8s.io/apimachinery/pkg/apis/meta/v1 (ListOptions, CreateOptions ...) and its validation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from resilience.sandbox.apiserver.request import field_selectors as fields
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import labels, refusals
from resilience.sandbox.kube.api import ApiError, Obj, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.kube.refusals import Cause

_TRUE = frozenset({"true", "1", "True", "TRUE", "t", "T"})
_META = "meta.k8s.io"
_MATCH = "resourceVersionMatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """One list or watch. `version` is None without a resourceVersion."""

    labels: labels.Predicate | None
    fields: fields.FieldSelector
    limit: int = 0
    token: str = ""
    version: int | None = None
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    timeout: float | None = None
    initial_events: bool | None = None
    selector_text: str = field(default="")

    @property
    def selective(self) -> bool:
        """Whether any selector narrows the result."""
        return self.labels is not None or bool(self.fields.terms)

    def selects(self, obj: Obj) -> bool:
        """Whether an object passes both selectors."""
        if self.labels is not None and not self.labels(obj["metadata"].get("labels") or {}):
            return False
        return not self.fields.terms or self.fields.matches(obj)


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter; absent values and all words but the true ones are false."""
    return query.get(name, "") in _TRUE


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole-number parameter; 400 for anything else."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise refusals.bad_request(
            f'strconv.ParseInt: parsing "{text[:80]}": invalid syntax'
        ) from None


def version_of(query: Mapping[str, str]) -> int | None:
    """The resourceVersion parameter; 400 if it is not a number."""
    text = query.get("resourceVersion", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise refusals.bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text[:80]}":'
            " strconv.ParseUint: parsing"
            f' "{text[:80]}": invalid syntax'
        )
    return int(text)


def list_options(
    resource: Resource, query: Mapping[str, str], selectable: Collection[str] | None = None
) -> ListOptions:
    """Parse and check; ApiError 400 or 422. `selectable` are the fields of a custom kind."""
    try:
        by_labels = labels.parse(query.get("labelSelector", ""))
    except labels.SelectorError as error:
        raise refusals.bad_request(f"unable to parse requirement: {error}") from error
    by_fields = fields.parse(resource, query.get("fieldSelector", ""), selectable)
    limit = number(query, "limit") or 0
    timeout = number(query, "timeoutSeconds")
    options = ListOptions(
        labels=by_labels,
        fields=by_fields,
        limit=max(limit, 0),
        token=query.get("continue", ""),
        version=version_of(query),
        match=query.get("resourceVersionMatch", ""),
        watch=flag(query, "watch"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        timeout=None if timeout is None or timeout <= 0 else float(timeout),
        initial_events=flag(query, "sendInitialEvents") if query.get("sendInitialEvents") else None,
        selector_text=f"{query.get('labelSelector', '')}|{query.get('fieldSelector', '')}",
    )
    _check_match(options)
    return options


def _check_match(options: ListOptions) -> None:
    """The rules that connect resourceVersionMatch with the other parameters."""
    causes = [*(_of_watches(options) if options.watch else _of_lists(options))]
    if options.match not in ("", "Exact", "NotOlderThan"):
        causes.append(refusals.value_unsupported(_MATCH, options.match, ["Exact", "NotOlderThan"]))
    if causes:
        raise refusals.invalid(_options_kind("ListOptions"), "", causes)
    if options.token and options.version not in (None, 0):
        raise refusals.bad_request("specifying resource version is not allowed when using continue")


def _of_watches(options: ListOptions) -> Iterator[Cause]:
    if options.match and options.initial_events is None:
        yield refusals.value_forbidden(
            _MATCH, f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"
        )
    if options.initial_events is not None and options.match != "NotOlderThan":
        yield refusals.value_forbidden(
            _MATCH, f"sendInitialEvents requires setting {_MATCH} to NotOlderThan"
        )


def _of_lists(options: ListOptions) -> Iterator[Cause]:
    if options.initial_events is not None:
        yield refusals.value_forbidden(
            "sendInitialEvents", "sendInitialEvents is forbidden for list"
        )
    if options.match and options.version is None:
        yield refusals.value_forbidden(
            _MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided"
        )
    if options.match and options.token:
        yield refusals.value_forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")
    if options.match == "Exact" and options.version == 0:
        yield refusals.value_forbidden(
            _MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"'
        )


def _options_kind(kind: str) -> Resource:
    return Resource(_META, "v1", "options", kind, False)


def write_call(
    query: Mapping[str, str], user: Identity, agent: str, kind: str, *, apply: bool = False
) -> Call:
    """The options of a write; ApiError 422 for unknown options."""
    causes = []
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        causes.append(refusals.value_unsupported("dryRun", [dry_run], ["All"]))
    validation = query.get("fieldValidation", "")
    if validation not in ("", "Ignore", "Warn", "Strict"):
        causes.append(
            refusals.value_unsupported(
                "fieldValidation", validation, ["", "Ignore", "Strict", "Warn"]
            )
        )
    manager = query.get("fieldManager", "")
    if len(manager) > 128:
        causes.append(refusals.value_too_long("fieldManager", 128))
    if apply and not manager:
        causes.append(refusals.value_required("fieldManager", "is required for apply patch"))
    if causes:
        raise refusals.invalid(_options_kind(kind), "", causes)
    return Call(
        user=user,
        dry_run=bool(dry_run),
        manager=manager or _manager(agent),
        validation=validation or "Warn",
        force=flag(query, "force"),
    )


def _manager(agent: str) -> str:
    """The field manager of a client that names none: its program's name."""
    return agent.split("/", 1)[0].split(" ", 1)[0][:128] or "unknown"


def too_large_version(version: int, current: int) -> ApiError:
    """504 for a version in the future."""
    return ApiError(
        504,
        "Timeout",
        f"Too large resource version: {version}, current: {current}",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ]
        },
        retry_after=1,
    )
