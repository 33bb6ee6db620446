#!/bin/sh
# Install a temporary clone of this checkout under another Python, then run a backtest and one tick of a bot in it.
set -eu
python=${1:?name a Python, as in: sh scripts/smoke.sh python3.13}
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet "$here" "$folder/site"
cd "$folder/site"
PYTHON="$python" make --no-print-directory setup
.venv/bin/python --version
.venv/bin/python -m scripts.smoke
