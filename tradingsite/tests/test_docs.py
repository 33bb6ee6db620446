"""The documents keep up with the code: rules that are cited, variables that are read, commands and links that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradingsite.tests.conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
APPS = ("tradingsite", "core", "exchange", "bots", "backtests")
CITED = re.compile(r"\brules? (\d+)(?:\.(\d+))?")


def sources() -> list[Path]:
    found = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    return found + list((ROOT / "templates").rglob("*.html"))


def rules() -> dict[int, str]:
    """Return the text of each numbered section."""
    _, *parts = re.split(r"^## (\d+)\. ", (ROOT / "docs" / "trading-rules.md").read_text(), flags=re.MULTILINE)
    return {int(number): text for number, text in zip(parts[::2], parts[1::2], strict=True)}


def test_every_rule_that_the_code_cites_is_written_down() -> None:
    written = rules()
    cited = {found.groups() for path in sources() for found in CITED.finditer(path.read_text())}
    assert len(cited) > 8
    for section, step in cited:
        assert int(section) in written, f"rule {section}"
        assert step is None or re.search(rf"^{step}\. ", written[int(section)], re.MULTILINE), f"rule {section}.{step}"


def test_every_variable_that_the_settings_read_is_explained() -> None:
    settings = (ROOT / "tradingsite" / "settings.py").read_text()
    read = set(re.findall(r"\benv\(\s*\"([A-Z_]+)\"", settings))
    assert {"PORT", "RESEARCH_CONCURRENCY", "DATABASE_URL", "CELERY_VISIBILITY_TIMEOUT_S"} <= read
    explained = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read == explained
    assert read <= set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text()))


def test_every_command_of_ours_is_in_the_readme() -> None:
    named = (ROOT / "README.md").read_text()
    places = [path for app in APPS for path in (ROOT / app).glob("management/commands/[a-z]*.py")]
    assert len(places) > 10
    assert [path.stem for path in places if f"`{path.stem}" not in named and path.stem != "prepare_demo"] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = document.parent / path if path else document
        assert linked.exists(), target
        if anchor:
            assert anchor in {slug(line) for line in linked.read_text().splitlines() if line.startswith("#")}, target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = re.findall(
        r"`((?:core|exchange|bots|backtests|tradingsite|templates)/[\w/]*(?:\.py|/))`", document.read_text()
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def slug(heading: str) -> str:
    """Return the anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("# ").lower()).replace(" ", "-")
