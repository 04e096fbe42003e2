"""Commit, branch, CI job and who: from the CI's variables, else from the checkout, else nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from resilience.config.provenance import provenance

SHA = "4f1c0de5a1b2c3d4e5f60718293a4b5c6d7e8f90"

GITHUB = {
    "GITHUB_SHA": SHA, "GITHUB_REF_NAME": "main", "GITHUB_ACTOR": "mary",
    "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_RUN_ID": "17",
}  # fmt: skip
GITLAB = {
    "CI_COMMIT_SHA": SHA, "CI_COMMIT_REF_NAME": "main", "GITLAB_USER_LOGIN": "mary",
    "CI_JOB_URL": "https://gitlab.example.com/acme/shop/-/jobs/17",
}  # fmt: skip
JENKINS = {
    "GIT_COMMIT": SHA, "GIT_BRANCH": "main", "BUILD_USER_ID": "mary",
    "BUILD_URL": "https://ci.example.com/job/shop/17/",
}  # fmt: skip
AZURE = {
    "BUILD_SOURCEVERSION": SHA, "BUILD_SOURCEBRANCHNAME": "main", "BUILD_REQUESTEDFOR": "mary",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/", "SYSTEM_TEAMPROJECT": "shop",
    "BUILD_BUILDID": "17",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "link"),
    [
        (GITHUB, "https://github.com/acme/shop/actions/runs/17"),
        (GITLAB, GITLAB["CI_JOB_URL"]),
        (JENKINS, JENKINS["BUILD_URL"]),
        (AZURE, "https://dev.azure.com/acme/shop/_build/results?buildId=17"),
    ],
)
def test_commit_branch_and_link_are_read_from_each_ci_system(
    environment: dict[str, str], link: str, tmp_path: Path
) -> None:
    assert provenance(environment, tmp_path) == {
        "commit": SHA, "branch": "main", "ci": link, "who": "mary",
    }  # fmt: skip


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://user:secret@ci.example.com/1", "/jobs/1", "https://"]
)
def test_a_link_that_is_none_or_holds_credentials_is_left_out(url: str, tmp_path: Path) -> None:
    assert "ci" not in provenance({"BUILD_URL": url}, tmp_path)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=m", "-c", "user.email=m@example.com", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(name="checkout")
def fixture_checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    _git(folder, "init", "-q", "-b", "trunk")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "one")
    return folder


def test_a_checkout_names_its_commit(checkout: Path) -> None:
    sha = _git(checkout, "rev-parse", "HEAD")
    deep = checkout / "a" / "b"
    deep.mkdir(parents=True)
    found = provenance({}, deep)
    assert (found["commit"], found["branch"]) == (sha, "trunk")
    _git(checkout, "pack-refs", "--all")
    assert provenance({}, checkout)["commit"] == sha


def test_a_detached_head_and_a_worktree_do_too(checkout: Path, tmp_path: Path) -> None:
    sha = _git(checkout, "rev-parse", "HEAD")
    _git(checkout, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    found = provenance({}, tmp_path / "side")
    assert (found["commit"], found["branch"]) == (sha, "side")
    _git(checkout, "checkout", "-q", "--detach")
    found = provenance({}, checkout)
    assert (found["commit"], found.get("branch")) == (sha, None)


@pytest.mark.parametrize("head", ["", "ref: refs/heads/none", "not a commit", "ref: ../../x"])
def test_a_damaged_checkout_is_no_error(checkout: Path, head: str) -> None:
    (checkout / ".git" / "HEAD").write_text(head)
    assert "commit" not in provenance({}, checkout)


def test_a_value_of_the_environment_is_cut_at_200_characters(tmp_path: Path) -> None:
    assert len(provenance({"GITHUB_ACTOR": "m" * 5000}, tmp_path)["who"]) == 200
