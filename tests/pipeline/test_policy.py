"""Policy comes from the base commit; a base that cannot be read is exit 3 with the words that help."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_guard.model.errors import ConfigError, InputError, RevisionError
from ci_guard.pipeline.policy.base import event_base
from ci_guard.pipeline.policy.boundary import Policy, day_of, load_policy
from tests.pipeline.gitrepo import Repo
from tests.suppress.reading import emit

BASELINE = '[{"schema": "ci-guard/baseline/1"}\n,{"rule": "ci-guard/r1", "path": "a.yaml"}\n]\n'
MORE = BASELINE.replace("\n]", '\n,{"rule": "ci-guard/r2", "path": "a.yaml"}\n]')


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def changes(policy: Policy) -> list[tuple[str, int, str]]:
    return [(c.key, c.location.region.start_line if c.location.region else 0, c.message) for c in policy.changes]


def test_without_a_base_the_working_tree_counts(repo: Repo) -> None:
    repo.write(".ci-guard.yaml", "fail-on: low\nbaseline: b.json\n")
    repo.write("b.json", BASELINE)
    policy = load_policy(repo.root, {}, {})
    assert (policy.config.fail_on, policy.base, policy.changes) == ("low", None, ())
    assert policy.baseline and sum(policy.baseline.counts.values()) == 1
    assert load_policy(repo.root, {"GITHUB_EVENT_NAME": "push"}, {}).config.fail_on == "low"


def test_on_a_pull_request_the_base_counts(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({".ci-guard.yaml": "fail-on: low\nbaseline: b.json\n", "b.json": BASELINE})
    repo.commit(
        {".ci-guard.yaml": "baseline: b.json\nrules:\n  r1: {enabled: false}\nfail-on: never\n", "b.json": MORE}
    )
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert (policy.config.fail_on, policy.config.rules, policy.base and policy.base.commit) == ("low", {}, base)
    assert policy.baseline and len(policy.baseline.counts) == 1
    told = changes(policy)
    assert [(key, line) for key, line, _ in told] == [("fail-on", 4), ("rules", 2), ("", 3)]
    assert told[0][2].startswith("This change sets `fail-on` to 'never', from 'low'; this run is judged by the base")
    assert "adds 1 accepted findings to b.json and removes 0" in told[2][2]
    findings = policy.findings(emit)
    assert [(f.rule, f.location.path, f.key) for f in findings] == [
        ("policy-changed", ".ci-guard.yaml", "fail-on"),
        ("policy-changed", ".ci-guard.yaml", "rules"),
        ("policy-changed", "b.json", ""),
    ]
    assert policy.read(".ci-guard.yaml") == b"fail-on: low\nbaseline: b.json\n"


def test_options_still_beat_the_base(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    assert load_policy(repo.root, repo.event(tmp_path, base), {"fail_on": "critical"}).config.fail_on == "critical"


def test_a_base_without_configuration_means_defaults(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({"a.yaml": "x: 1\n"})
    repo.commit({".ci-guard.yaml": "fail-on: never\nbaseline: b.json\n", "b.json": BASELINE})
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert (policy.config.fail_on, policy.config.baseline, policy.baseline) == ("high", "", None)
    assert [key for key, _, _ in changes(policy)] == ["fail-on", "baseline"]


def test_a_baseline_option_is_read_from_the_base_too(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({"a.yaml": "x: 1\n"})
    repo.commit({"b.json": BASELINE})
    policy = load_policy(repo.root, repo.event(tmp_path, base), {"baseline": "b.json"})
    assert policy.baseline is None
    assert "is not in the base commit" in policy.notices[0].message
    assert len(policy.changes) == 1


def test_a_file_named_outside_the_repository_is_the_jobs(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({"a.yaml": "x: 1\n"})
    outside = tmp_path / "policy.yaml"
    outside.write_text("fail-on: medium\n")
    policy = load_policy(repo.root, repo.event(tmp_path, base), {"config": str(outside)})
    assert (policy.config.fail_on, policy.changes) == ("medium", ())


def test_a_base_that_moved_on_is_not_the_changes_doing(repo: Repo, tmp_path: Path) -> None:
    repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit({"a.yaml": "x: 1\n"})
    repo.git("checkout", "-q", "main")
    base = repo.commit({".ci-guard.yaml": "fail-on: medium\n"})
    repo.git("checkout", "-q", "topic")
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert (policy.config.fail_on, policy.changes) == ("medium", ())


def test_moved_comments_are_no_change(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({".ci-guard.yaml": "suppressions: [{rule: r1, reason: a}]\n"})
    repo.commit({".ci-guard.yaml": "# a comment\nsuppressions:\n- {rule: r1, reason: a}\n"})
    assert load_policy(repo.root, repo.event(tmp_path, base), {}).changes == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"fail-on: [", "makes .ci-guard.yaml unreadable"), (b"x: 1\n", "unknown key"), (None, "removes .ci-guard.yaml")],
)
def test_a_broken_or_missing_head_does_not_stop_the_judging(
    repo: Repo, tmp_path: Path, content: bytes | None, words: str
) -> None:
    base = repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    (repo.root / ".ci-guard.yaml").unlink()
    if content is not None:
        repo.write(".ci-guard.yaml", content)
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert policy.config.fail_on == "low"
    assert len(policy.changes) == 1 and words in policy.changes[0].message


def test_a_link_in_place_of_the_configuration(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    (tmp_path / "mild.yaml").write_text("fail-on: never\n")
    (repo.root / ".ci-guard.yaml").unlink()
    (repo.root / ".ci-guard.yaml").symlink_to(tmp_path / "mild.yaml")
    repo.commit()
    policy = load_policy(repo.root, repo.event(tmp_path, base), {})
    assert policy.config.fail_on == "low" and "removes" in policy.changes[0].message
    with pytest.raises(InputError):
        load_policy(repo.root, {}, {})


def test_other_policy_files_are_watched(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({"trust.yaml": "a\nb\nc\n", "gone.yaml": "a\n"})
    (repo.root / "gone.yaml").unlink()
    repo.commit({"trust.yaml": "a\nB\nc\n", "new.yaml": "x\n"})
    policy = load_policy(
        repo.root, repo.event(tmp_path, base), {}, protected=["trust.yaml", "gone.yaml", "new.yaml", "none.yaml"]
    )
    assert [(line, message.split(";")[0]) for _, line, message in changes(policy)] == [
        (2, "This change edits the policy file trust.yaml"),
        (0, "This change removes the policy file gone.yaml"),
        (1, "This change adds the policy file new.yaml"),
    ]
    assert policy.read("trust.yaml") == b"a\nb\nc\n"


def test_the_root_may_be_a_folder_of_the_repository(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit({"shop/.ci-guard.yaml": "fail-on: low\n", "shop/a.yaml": "a: 1\nb: 2\nc: 3\n"})
    repo.git("mv", "shop/a.yaml", "shop/b.yaml")
    repo.commit({"shop/.ci-guard.yaml": "fail-on: never\n"})
    policy = load_policy(repo.root / "shop", repo.event(tmp_path, base), {})
    assert policy.config.fail_on == "low" and policy.changes[0].location.path == ".ci-guard.yaml"
    assert dict(policy.renames) == {"b.yaml": "a.yaml"}


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "merge_group"])
def test_a_shallow_clone_is_exit_3_and_says_what_helps(repo: Repo, tmp_path: Path, name: str) -> None:
    base = repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    repo.commit({"a.yaml": "x: 1\n"})
    clone = tmp_path / "clone"
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.root}", str(clone))
    with pytest.raises(RevisionError, match=r"so nothing was judged(.|\n)*fetch-depth: 0") as error:
        load_policy(clone, repo.event(tmp_path, base, name), {})
    assert error.value.exit_code == 3
    with pytest.raises(RevisionError, match="fetch-depth"):
        load_policy(clone, {}, {"base": base})


def test_base_option_and_hostile_revisions(repo: Repo) -> None:
    repo.commit({".ci-guard.yaml": "fail-on: low\n"})
    repo.commit({".ci-guard.yaml": "fail-on: never\n"})
    assert load_policy(repo.root, {}, {"base": "HEAD~1"}).config.fail_on == "low"
    assert load_policy(repo.root, {"CI_GUARD_BASE": "HEAD~1"}, {}).config.fail_on == "low"
    for revision in ("--output=/tmp/x", "-h", "HEAD:.ci-guard.yaml", "no-such", "a\nb"):
        with pytest.raises(RevisionError):
            load_policy(repo.root, {}, {"base": revision})


def test_no_repository_is_exit_3(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="no git repository, so nothing was judged"):
        load_policy(tmp_path, {}, {"base": "HEAD"})


@pytest.mark.parametrize(
    "event", ["", "[]", "{}", '{"pull_request": {"base": {"sha": "main"}}}', '{"pull_request": null}', "[" * 200_000]
)
def test_an_event_that_names_no_commit_is_exit_3(repo: Repo, tmp_path: Path, event: str) -> None:
    path = tmp_path / "event.json"
    path.write_text(event)
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(path)}
    with pytest.raises(RevisionError):
        load_policy(repo.root, environ, {})


@pytest.mark.parametrize("path", ["", "/nonexistent", "/", "a\0b"])
def test_an_event_that_is_not_there_is_exit_3(repo: Repo, path: str) -> None:
    with pytest.raises(RevisionError, match="GITHUB_EVENT_PATH"):
        load_policy(repo.root, {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": path}, {})


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda v: st.dictionaries(st.sampled_from(["pull_request", "base", "sha", "x"]), v, max_size=3) | st.lists(v),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(JSON.map(lambda v: json.dumps(v).encode()) | st.binary(max_size=60))
def test_any_event_gives_a_commit_id_or_a_revision_error(data: bytes) -> None:
    with pytest.raises(RevisionError):
        event_base("pull_request", data)
    assert event_base("push", data) == ""


@pytest.mark.parametrize(
    "sha", ["main", "HEAD", "--help", "a" * 39, "a" * 41, "A" * 40, "a" * 40 + "\n", "g" * 40, 1, None]
)
def test_only_a_whole_commit_id_is_taken_from_an_event(sha: object) -> None:
    for name in ("pull_request", "merge_group"):
        event = json.dumps({"pull_request": {"base": {"sha": sha}}, "merge_group": {"base_sha": sha}}).encode()
        with pytest.raises(RevisionError, match="no commit id"):
            event_base(name, event)
        good = event.replace(json.dumps(sha).encode(), b'"' + b"a" * 64 + b'"')
        assert event_base(name, good) == "a" * 64


def test_missing_files(repo: Repo) -> None:
    with pytest.raises(ConfigError, match="no such configuration"):
        load_policy(repo.root, {}, {"config": "nowhere.yaml"})
    with pytest.raises(ConfigError, match="no such baseline"):
        load_policy(repo.root, {}, {"baseline": "nowhere.json"})
    assert load_policy(repo.root, {}, {"baseline": "nowhere.json"}, expect_baseline=False).baseline is None


def test_the_day() -> None:
    assert day_of({"SOURCE_DATE_EPOCH": "1700000000"}) == date(2023, 11, 14)
    assert day_of({}).year >= 2024
    for wrong in ("soon", "9" * 30):
        with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
            day_of({"SOURCE_DATE_EPOCH": wrong})
