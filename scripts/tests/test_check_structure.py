"""The shape of the code: each fault is found, and what is fine is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import check_structure
from scripts.check_structure import (
    coined_names,
    full_folders,
    long_modules,
    long_test_names,
    repeated_classes,
    unexplained_imports,
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(check_structure, "ROOT", tmp_path)
    return tmp_path


def module(tree: Path, name: str, text: str = "") -> Path:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_module_of_401_lines_is_too_long(tree: Path) -> None:
    assert list(long_modules([module(tree, "bots/a.py", "\n" * 401)])) == ["bots/a.py has 401 lines; 400 are the most"]


def test_a_module_of_400_lines_is_fine(tree: Path) -> None:
    assert list(long_modules([module(tree, "bots/a.py", "\n" * 400)])) == []


def test_thirteen_modules_are_too_many_for_a_folder(tree: Path) -> None:
    paths = [module(tree, f"bots/m{number}.py") for number in range(13)]
    assert list(full_folders(paths)) == ["bots/ has 13 modules; 12 are the most"]


def test_the_packages_own_file_is_not_counted(tree: Path) -> None:
    paths = [module(tree, f"bots/m{number}.py") for number in range(12)]
    assert list(full_folders([*paths, module(tree, "bots/__init__.py")])) == []


def test_a_class_name_that_stands_twice_is_named_with_its_places(tree: Path) -> None:
    paths = [module(tree, "bots/a.py", "class Quote: pass\n"), module(tree, "core/b.py", "class Quote: pass\n")]
    assert list(repeated_classes(paths)) == ["class Quote stands at bots/a.py:1 and core/b.py:1"]


def test_classes_that_a_framework_names_may_repeat(tree: Path) -> None:
    paths = [module(tree, f"bots/{name}.py", "class Command: pass\n") for name in ("a", "b")]
    assert list(repeated_classes(paths)) == []


@pytest.mark.parametrize("text", ["def desk(): pass", "def run(tape): pass", "ground = 1", "class Desk: pass"])
def test_a_coined_name_is_found(tree: Path, text: str) -> None:
    assert len(list(coined_names([module(tree, "bots/a.py", text)]))) == 1


def test_a_name_of_the_field_is_fine(tree: Path) -> None:
    assert list(coined_names([module(tree, "bots/a.py", "def close_position(lease): pass\n")])) == []


def test_an_import_inside_a_function_needs_a_reason(tree: Path) -> None:
    path = module(tree, "bots/a.py", "def run():\n    from core import sql\n")
    assert list(unexplained_imports([path])) == ["bots/a.py:2 imports core inside a function and does not say why"]


@pytest.mark.parametrize(
    "text",
    [
        "def run():\n    from core import sql  # slow to load\n",
        "def run():\n    # Slow to load.\n    from core import csv\n    from core import sql\n",
        "def run():\n    import json\n",
    ],
)
def test_an_explained_import_is_fine(tree: Path, text: str) -> None:
    assert list(unexplained_imports([module(tree, "bots/a.py", text)])) == []


def test_a_test_name_of_70_characters_is_too_long(tree: Path) -> None:
    path = module(tree, "bots/tests/test_a.py", f"def test_{'x' * 65}(): pass\n")
    assert list(long_test_names([path])) == ["bots/tests/test_a.py:1 has a name of 70 characters"]
