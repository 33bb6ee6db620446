"""The chart libraries are found under the names that pages use, and nothing else of node_modules is."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings

from tradingsite.vendor_static import FILES, VendorFinder

NAME = "vendor/echarts/echarts.min.js"


@pytest.fixture
def finder(tmp_path: Path) -> VendorFinder:
    for name in (FILES[NAME], "echarts/package.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with override_settings(NODE_MODULES=tmp_path):
        return VendorFinder()


def test_a_file_is_found_under_its_name(finder: VendorFinder, tmp_path: Path) -> None:
    assert finder.find(NAME) == str(tmp_path / FILES[NAME])


def test_all_places_of_a_file_are_a_list(finder: VendorFinder, tmp_path: Path) -> None:
    assert finder.find(NAME, find_all=True) == [str(tmp_path / FILES[NAME])]


def test_another_file_of_the_package_is_not_found(finder: VendorFinder) -> None:
    assert finder.find("echarts/package.json") == []


def test_a_file_that_is_not_installed_is_not_found(finder: VendorFinder) -> None:
    assert finder.find("vendor/echarts/NOTICE.txt") == []


def test_only_installed_files_are_listed(finder: VendorFinder) -> None:
    assert [name for name, _ in finder.list(None)] == [NAME]
