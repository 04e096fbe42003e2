"""Every place that reads a secret masks it there, and every text is masked before it is cut."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import resilience
from resilience.actions.undo import reverted_fields
from resilience.backup.data.container_stream import Ended, last_words
from resilience.backup.data.sentinel import flaw
from resilience.backup.objects.velero_hooks import restore_hooks
from resilience.backup.plans import keys
from resilience.backup.restic import restic_program
from resilience.cluster.access.secret_values import NoSecretValue, secret_values
from resilience.cluster.requests.command import Command
from resilience.config.provenance import provenance
from resilience.engine.journal import line_form
from resilience.ledger.drivers import http_driver, postgres_driver
from resilience.ledger.drivers.session import Credential
from resilience.ledger.opening import secret
from resilience.machines import redfish
from resilience.model.masks import MASKS, ending, shown

ROOT = Path(resilience.__file__).parent
SECRET = "correct-horse-battery"

ENVIRONMENT = {
    "RESILIENCE_SIGNING_KEY": "secret",
    "RESILIENCE_IDENTITY": "secret",
    "RESILIENCE_PUSH_PASSWORD": "secret",
    "RESILIENCE_TRACES_HEADERS": "secret",
    "OTEL_EXPORTER_OTLP_HEADERS": "secret",
    "RESILIENCE_NOTIFY": "secret",
    "RESTIC_PASSWORD": "secret",
    "RESILIENCE_IDENTITY_FILE": "a path",
    "RESILIENCE_PUSH_USER": "a name",
    "RESILIENCE_RECIPIENTS": "public keys",
    "RESILIENCE_TRUSTED_KEY": "a public key",
    "RESILIENCE_STORE": "a place",
    "TRACEPARENT": "an id",
    "GITHUB_STEP_SUMMARY": "a path",
    "JOB_COMPLETION_INDEX": "a number",
    "HOME": "a path",
    "HOSTNAME": "a name",
    "KUBECONFIG": "a path",
    "KUBERNETES_SERVICE_HOST": "an address",
    "POD_NAME": "a name",
    "PYTEST_TIMEOUT": "a number",
    "PYTHONPATH": "a path",
    "TERM": "a name",
    "PATH": "a path",
}
"""Every variable that the package reads by its name, and what it holds."""

ELSEWHERE = {
    "config/settings.py": "an option's variable",
    "config/provenance.py": "commit, branch and people",
    "harness/fleet/of_member.py": "a member's: what uses one reads it by its name",
    "ledger/opening.py": "a credential: masked there",
    "machines/redfish.py": "user and password: masked there",
    "backup/restic/restic_program.py": "whether one of restic's own is set",
    "report/digest.py": "the environment that a report names: no variables",
    "model/references.py": "a reference of a journal, masked by the file that named it",
    "cluster/wall_canary.py": "runs in a Pod",
}

ASKED = {("config/settings.py", "RESILIENCE_IDENTITY")}
"""Only whether it is set."""


@cache
def modules() -> Sequence[tuple[str, ast.Module]]:
    """All but the sandbox, which is a cluster of its own."""
    named = ((path.relative_to(ROOT).as_posix(), path) for path in sorted(ROOT.rglob("*.py")))
    return [
        (name, ast.parse(path.read_text()))
        for name, path in named
        if not name.startswith("sandbox/")
    ]


def constants(tree: ast.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for name, value in zip(names, values, strict=False):
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant):
                    found[name.id] = value.value
    return found


def resolved(node: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = resolved(node.operand, known)
        return -value if isinstance(value, int) else None
    return known.get(node.id) if isinstance(node, ast.Name) else None


def test_values_of_secrets_are_read_at_one_place() -> None:
    """`cluster/access/secret_values.py`, which masks them."""
    found = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "list", "view", "watch")
        and node.args
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id == "SECRETS"
    }
    assert found == {"cluster/access/secret_values.py"}


def test_every_variable_that_is_read_is_known_and_secret_ones_are_masked_there() -> None:
    unknown, unmasked, found = set(), set(), set()
    for file, tree in modules():
        known = constants(tree)
        taken = {
            text
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "MASKS.take"
            for text in (ast.unparse(call.args[0]),)
        }
        for node in ast.walk(tree):
            key = _read(node)
            if key is None:
                continue
            name = resolved(key, known)
            if name in ENVIRONMENT:
                found.add(name)
            elif file not in ELSEWHERE:
                unknown.add(f"{file}: {ast.unparse(node)}")
            secret_here = ENVIRONMENT.get(name) == "secret" and (file, name) not in ASKED
            if secret_here and not _masks(taken, key, name):
                unmasked.add(f"{file}: {name}")
    assert not unknown
    assert not unmasked
    assert {"RESILIENCE_IDENTITY", "RESILIENCE_PUSH_PASSWORD", "RESTIC_PASSWORD"} <= found


def _masks(taken: set[str], key: ast.expr, name: str) -> bool:
    """`MASKS.take(NAME, ...)`, or with an f-string that begins with it."""
    words = (ast.unparse(key), repr(name))
    return any(text in words or f"{{{words[0]}}}" in text for text in taken)


def _read(node: ast.AST) -> ast.expr | None:
    """The key of `environment.get(KEY)`, `os.environ[KEY]` and the like."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        holder, key = node.func.value, node.args[0]
        if node.func.attr not in ("get", "pop"):
            return None
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        holder, key = node.value, node.slice
    else:
        return None
    if ast.unparse(holder) == "os.environ":
        return key
    named = isinstance(holder, ast.Name) and holder.id in ("environ", "environment")
    return key if named and isinstance(key, ast.Constant | ast.Name) else None


CUTS = {
    "backup/drills/drill.py": "the name of a snapshot",
    "backup/drills/negative_controls.py": "the name of a snapshot",
    "backup/data/helper/helper_pod.py": "the name of a claim",
    "backup/data/snapshot_clones.py": "the name of a claim",
    "backup/data/container_stream.py": "the library's own",
    "backup/format/archive_reader.py": "bytes of a header",
    "commands/backup_restore.py": "the name of a snapshot",
    "config/provenance.py": "masked",
    "convert/translation.py": "an id, of another tool's file",
    "convert/writing_yaml.py": "an id, of another tool's file",
    "engine/guard/rbac.py": "a name",
    "engine/journal/line_form.py": "masked",
    "actions/undo/reverted_fields.py": "masked",
    "harness/sites/target_guard.py": "masked",
    "language/ids.py": "an id",
    "language/text/near.py": "a line of the file itself: it holds ${NAME}, not the value",
    "model/masks.py": "masked",
    "model/nearest.py": "a word that is compared",
    "probes/kinds/logs/log_lines.py": "a line that is matched; what is shown of it is an excerpt",
    "probes/kinds/web/journey_probe.py": "what an excerpt is made of",
    "probes/kinds/web/redirects.py": "a body that is matched",
    "probes/agent/judging.py": "where a redirect leads; the writer masks it",
    "probes/agent/writer.py": "the agent masks what it was given itself",
    "report/digest.py": "a report that was written masked",
    "report/markdown.py": "a report that was written masked",
    "cluster/connection/websocket.py": "bytes of a stream",
    "backup/data/volume_agent.py": "the name of a file in an archive",
    "backup/take/snapshot_warnings.py": "a list of warnings",
    "language/load.py": "a list of mistakes",
    "publish/past_victims.py": "a list of reports",
    "report/document.py": "a list of samples",
}
"""Files that cut a text of 40 characters or more, and why no part of a secret can be left."""


def test_a_text_is_cut_by_excerpt_and_ending_alone() -> None:
    """Or in a file of which the reason is known."""
    found = {}
    for file, tree in modules():
        known = constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Slice):
                continue
            ends = [resolved(each, known) for each in (node.slice.lower, node.slice.upper) if each]
            if any(isinstance(end, int) and abs(end) >= 40 for end in ends):
                found[file] = ast.unparse(node)
    assert {file: text for file, text in found.items() if file not in CUTS} == {}


@pytest.fixture
def masked() -> Iterator[str]:
    MASKS.clear()
    MASKS.take("PASSWORD", SECRET)
    yield SECRET
    MASKS.clear()


def _across(most: int, shift: int) -> str:
    """A text whose first `most` characters end within the secret."""
    return "x" * (most - shift) + SECRET + " and more" * 50


def _raised(act: Callable[[], object]) -> str:
    try:
        return str(act())
    except Exception as error:  # noqa: BLE001 - its text is what is looked at
        return str(error)


def _pod(text: str) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "annotations": {
        "post.hook.restore.velero.io/command": text}}}  # fmt: skip


MOUTHS: dict[str, tuple[int, Callable[[str], str]]] = {
    "redfish": (80, lambda text: _raised(lambda: redfish._decoded(text.encode(), "GET x"))),
    "sentinel": (80, lambda text: flaw(text, "one")),
    "http ledger": (200, lambda text: http_driver._first(ValueError(text))),
    "postgres ledger": (200, lambda text: postgres_driver._first(ValueError(text))),
    "velero hook": (200, lambda text: " ".join(restore_hooks(_pod(text)))),
    "a bad line": (40, lambda text: line_form._shown(text)),
    "a changed field": (80, lambda text: reverted_fields.shown(text)),
    "a command": (80, lambda text: str(Command(namespace="a", pod="b", words=(text,)))),
    "who": (200, lambda text: str(provenance({"GIT_COMMIT": text}, Path("/")))),
}


@pytest.mark.parametrize("mouth", MOUTHS)
def test_a_secret_at_the_cut_is_masked_whole(masked: str, mouth: str) -> None:
    most, said = MOUTHS[mouth]
    for shift in range(1, len(masked)):
        text = shown(said(_across(most, shift)))
        left = text.replace("***", "")
        assert masked[:4] not in left, text


TAILS: dict[str, Callable[[str], str]] = {
    "a command in a container": lambda text: last_words(Ended(1, text)),
    "restic": lambda text: str(restic_program.meaning(
        text.encode(), SimpleNamespace(url="s3:x"))),  # type: ignore[arg-type]
    "a driver": lambda text: ending(text, 100),
}  # fmt: skip


@pytest.mark.parametrize("mouth", TAILS)
def test_a_secret_at_the_cut_of_an_end_is_masked_whole(masked: str, mouth: str) -> None:
    for after in range(80, 305, 3):
        text = shown(TAILS[mouth]("begin " + masked + "y" * after))
        left = text.replace("***", "")
        assert masked[-4:] not in left, text


class Cluster:
    """One Secret."""

    def get(self, resource: Any, name: str, namespace: str = "") -> dict[str, Any]:
        return {"data": {"password": "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5", "odd": "a"}}


@pytest.fixture
def nothing() -> Iterator[None]:
    MASKS.clear()
    yield
    MASKS.clear()


@pytest.mark.usefixtures("nothing")
def test_a_password_by_reference_is_masked_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of redis, sql, ledgers and tokens: they read it here."""
    cluster: Any = Cluster()
    assert secret(Credential(secret="db"), cluster, "shop") == SECRET
    assert shown(f"auth {SECRET} failed") == "auth *** failed"
    MASKS.clear()
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    assert secret(Credential(env="DB_PASSWORD"), cluster, "shop") == SECRET
    assert shown(json.dumps({"dsn": f"user:{SECRET}@db"})) == '{"dsn": "user:***@db"}'


@pytest.mark.usefixtures("nothing")
def test_keys_and_passwords_of_the_environment_are_masked_where_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for act in (
        lambda: keys.signer("", None, {keys.KEY_VARIABLE: SECRET}),
        lambda: keys.identities((), {keys.IDENTITY_VARIABLE: SECRET}),
    ):
        MASKS.clear()
        said = _raised(act)
        assert SECRET not in shown(said)
        assert shown(SECRET) == "***"
    MASKS.clear()
    monkeypatch.setenv("RESTIC_PASSWORD", SECRET)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/restic")
    place: Any = SimpleNamespace(url="s3:x", options=())
    restic_program.command(place, ["snapshots"])
    assert shown(SECRET) == "***"


@pytest.mark.usefixtures("nothing")
def test_a_public_value_of_a_secret_is_shown() -> None:
    cluster: Any = Cluster()
    found = secret_values(cluster, "shop", "db")
    assert found.value("password", public=True) == SECRET.encode()
    assert shown(SECRET) == SECRET
    assert SECRET not in repr(found)
    with pytest.raises(NoSecretValue, match=r"has no key 'x'; it has: odd, password"):
        found.value("x")
    with pytest.raises(NoSecretValue, match="holds no base64"):
        found.value("odd")
