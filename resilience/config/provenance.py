"""Which commit is tested, by which CI job and for whom: what the head of a report says.

Every CI system names these in variables of its own; without one, the commit is read from the
folder's `.git` (no program is started), and `who` is the user of this machine. Nothing here fails:
what is unknown is left out.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from resilience.model.masks import MASKS

_COMMITS = (
    "GITHUB_SHA", "CI_COMMIT_SHA", "BUILD_SOURCEVERSION", "BITBUCKET_COMMIT", "BUILDKITE_COMMIT",
    "CIRCLE_SHA1", "DRONE_COMMIT_SHA", "TRAVIS_COMMIT", "SEMAPHORE_GIT_SHA", "BUILD_VCS_NUMBER",
    "GIT_COMMIT",
)  # fmt: skip
_BRANCHES = (
    "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BUILD_SOURCEBRANCHNAME",
    "BITBUCKET_BRANCH", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "DRONE_BRANCH", "TRAVIS_BRANCH",
    "SEMAPHORE_GIT_BRANCH", "GIT_BRANCH",
)  # fmt: skip
_PEOPLE = (
    "GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_REQUESTEDFOR",
    "BITBUCKET_STEP_TRIGGERER_UUID", "BUILDKITE_BUILD_CREATOR", "CIRCLE_USERNAME",
    "DRONE_COMMIT_AUTHOR", "BUILD_USER_ID",
)  # fmt: skip
_LINKS = (
    "CI_JOB_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL", "DRONE_BUILD_LINK",
    "TRAVIS_BUILD_WEB_URL", "BUILD_URL",
)  # fmt: skip
_JOINED = (
    ("{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"),
    ("{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"),
    ("{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}"),
)
"""Links that a CI system provides only in parts."""

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
MOST = 200
"""Maximum length of a value, since a variable may contain anything."""


def provenance(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """`commit`, `branch`, `ci` (an http or https URL without credentials), `who`; only what is
    known."""
    commit, branch = _first(environment, _COMMITS), _first(environment, _BRANCHES)
    if not commit:
        commit, branch = _checked_out(folder)
    who = _first(environment, _PEOPLE) or _user()
    found = {"commit": commit, "branch": branch, "ci": _link(environment), "who": who}
    return {name: MASKS.start_of(text, MOST) for name, text in found.items() if text}


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := environment.get(name, "").strip())), "")


def _link(environment: Mapping[str, str]) -> str:
    for url in _links(environment):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc:
            return url
    return ""


def _links(environment: Mapping[str, str]) -> Iterator[str]:
    for form in _JOINED:
        wanted = re.findall(r"{(\w+)}", form)
        if all(environment.get(name) for name in wanted):
            yield form.format_map({name: environment[name] for name in wanted})
    yield from filter(None, (environment.get(name, "") for name in _LINKS))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return ""


def _checked_out(folder: Path) -> tuple[str, str]:
    """Commit and branch of the repository around a folder, "" where there is none."""
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            try:
                return _head(_git(parent / ".git"))
            except (OSError, ValueError):
                return "", ""
    return "", ""


def _git(path: Path) -> Path:
    """The folder itself, or the one that a worktree's file names."""
    if path.is_dir():
        return path
    return (
        path.parent / path.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
    ).resolve()


def _head(git: Path) -> tuple[str, str]:
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return (head if _SHA.fullmatch(head) else ""), ""
    ref = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    common = (git / shared.read_text(encoding="utf-8").strip()) if shared.exists() else git
    return _of_ref(common, ref), ref.removeprefix("refs/heads/")


def _of_ref(git: Path, ref: str) -> str:
    loose = git / ref
    if loose.exists():
        found = loose.read_text(encoding="utf-8").strip()
        return found if _SHA.fullmatch(found) else ""
    packed = git / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")
