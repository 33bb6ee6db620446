"""Download the locked lists for each Python and processor that is supported: wheels only, each held to its hash.

    make lock-check

It takes minutes and some gigabytes of traffic, keeps nothing, and ends with 1 where a wheel is missing. pip reads the
markers of this interpreter, so a package for other systems alone (`sys_platform == "win32"`) is not asked for.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

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
    return [
        *newer,
        f"manylinux2014_{processor}",
        f"manylinux2010_{processor}",
        f"manylinux1_{processor}",
        f"linux_{processor}",
    ]


def missing(python: str, processor: str, requirements: str) -> str:
    """Download one list. Return pip's last lines where that fails, else nothing."""
    chosen = [part for tag in platforms(processor) for part in ("--platform", tag)]
    with tempfile.TemporaryDirectory(prefix="tradingsite-lock-") as folder:
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                "--only-binary=:all:", "--python-version", python, "--implementation", "cp", *chosen,
                "--dest", folder, "-r", requirements,
            ],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    return "\n".join(done.stderr.strip().splitlines()[-3:]) if done.returncode else ""


def main() -> int:
    failures = 0
    for python in PYTHONS:
        for processor in PROCESSORS:
            for requirements in LISTS:
                problem = missing(python, processor, requirements)
                failures += bool(problem)
                print(f"Python {python}, {processor}, {requirements}: {problem or 'downloads'}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
