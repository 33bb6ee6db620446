"""Which entries of a locked list a Python and a processor need."""

from __future__ import annotations

from scripts.check_lock import needed_there, platforms

LIST = """\
# made by a tool
plain==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via something
old==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:cc
arm==3.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:dd
"""


def test_an_entry_without_a_marker_is_kept_with_its_hashes() -> None:
    assert needed_there(LIST, "3.14", "x86_64") == "plain==1.0 --hash=sha256:aa --hash=sha256:bb\n"


def test_an_entry_for_an_older_python_is_kept_for_that() -> None:
    assert "old==2.0 --hash=sha256:cc" in needed_there(LIST, "3.11", "x86_64")


def test_an_entry_for_one_processor_is_kept_for_that() -> None:
    assert "arm==3.0 --hash=sha256:dd" in needed_there(LIST, "3.14", "aarch64")


def test_wheels_for_an_older_glibc_are_taken() -> None:
    assert {"manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(platforms("aarch64"))
