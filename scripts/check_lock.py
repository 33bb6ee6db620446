"""Download the locked lists for each Python and processor that is supported: wheels only, each held to its hash.

    make lock-check

It takes a quarter of an hour and some gigabytes of traffic, keeps nothing, and ends with 1 where a wheel is missing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pip._vendor.packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROCESSORS = ("x86_64", "aarch64")
LISTS = (
    "requirements.txt",
    "requirements/test.txt",
    "requirements/clients.txt",
    "requirements/uv.txt",
    "requirements/node.txt",
)
# Wheels for a glibc up to 2.36, which is Debian 12's.
GLIBC_MINORS = range(36, 4, -1)


def platforms(processor: str) -> list[str]:
    """Return the platform tags that a Linux with this processor takes."""
    newer = [f"manylinux_2_{minor}_{processor}" for minor in GLIBC_MINORS]
    older = [f"manylinux{year}_{processor}" for year in ("2014", "2010", "1")]
    return [*newer, *older, f"linux_{processor}"]


def needed_there(text: str, python: str, processor: str) -> str:
    """Return the entries of a list that this Python and processor need: pip would ask for those of its own Python."""
    target = {"python_version": python, "python_full_version": f"{python}.0", "platform_machine": processor}
    kept = []
    for entry in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = entry.split("#", 1)[0].split(" --hash=")
        name, _, marker = requirement.partition(";")
        if name.strip() and (not marker.strip() or Marker(marker).evaluate(target)):
            kept.append(" --hash=".join([name.strip(), *(value.strip() for value in hashes)]))
    return "\n".join(kept) + "\n"


def missing(python: str, processor: str, requirements: str) -> str:
    """Download one list. Return pip's last lines where that fails, else nothing."""
    chosen = [part for tag in platforms(processor) for part in ("--platform", tag)]
    with tempfile.TemporaryDirectory(prefix="tradingsite-lock-") as folder:
        entries = Path(folder) / "list.txt"
        entries.write_text(needed_there((ROOT / requirements).read_text(), python, processor))
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                "--only-binary=:all:", "--python-version", python, "--implementation", "cp", *chosen,
                "--dest", folder, "-r", str(entries),
            ],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    return "\n".join(done.stderr.strip().splitlines()[-3:]) if done.returncode else ""


def main(pythons: list[str]) -> int:
    """Check the Pythons that are named, or all. Return the exit status."""
    failures = 0
    for python in pythons or PYTHONS:
        for processor in PROCESSORS:
            for requirements in LISTS:
                problem = missing(python, processor, requirements)
                failures += bool(problem)
                print(f"Python {python}, {processor}, {requirements}: {problem or 'downloads'}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
