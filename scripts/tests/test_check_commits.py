"""A commit's subject: a short sentence in the imperative that says one change."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import check_commits
from scripts.check_commits import faults, looks_imperative


@pytest.mark.parametrize(
    "subject", ["Split loop.py into buffers, loop and exits", "Pass the clock in", "Embed Valkey", "Fix it"]
)
def test_a_short_imperative_sentence_is_fine(subject: str) -> None:
    assert faults(subject) == []


@pytest.mark.parametrize("word", ["Added", "Adding", "Adds", "The", "New", "2nd"])
def test_other_forms_are_not_imperative(word: str) -> None:
    assert not looks_imperative(word)


def test_72_characters_are_allowed() -> None:
    assert faults("Add " + "x" * 68) == []


def test_73_characters_are_too_many() -> None:
    assert faults("Add " + "x" * 69) == ["has 73 characters, 72 are allowed"]


def test_a_semicolon_joins_two_changes() -> None:
    assert faults("Fix the loop; drop the clock") == ['has a ";": one commit, one change']


def test_a_full_stop_is_refused() -> None:
    assert faults("Fix the loop.") == ["ends with a full stop"]


def test_a_small_letter_is_refused() -> None:
    assert faults("fix the loop") == ["does not begin with a capital letter"]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a repository of three commits, of which the second adds the check."""
    monkeypatch.setattr(check_commits, "ROOT", tmp_path)
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.com", "-C", str(tmp_path))
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "scripts").mkdir()
    for subject, file in (("old; bad", "a"), ("bad; too", "scripts/check_commits.py"), ("Added a file", "b")):
        (tmp_path / file).touch()
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", subject], check=True)
    return tmp_path


def test_commits_after_the_one_that_adds_the_check_are_checked(repository: Path) -> None:
    assert list(check_commits.subjects().values()) == ["Added a file"]


def test_a_bad_subject_fails_the_check(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_commits.main() == 1
    assert "Added a file" in capsys.readouterr().out


def test_a_shallow_clone_passes(repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> None:
    clone = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository}", clone], check=True)
    monkeypatch.setattr(check_commits, "ROOT", clone)
    assert check_commits.main() == 0


def test_a_folder_without_history_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_commits, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "none"))
    assert check_commits.main() == 0
