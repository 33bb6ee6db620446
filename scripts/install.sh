#!/bin/sh
# Find a Python to install with; what is installed, and how, is in install.py.
usable='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3}; do
    if "$python" -c "$usable" 2>/dev/null; then
        exec "$python" scripts/install.py "$@"
    fi
done
echo "error: Python 3.11 to 3.14 with its venv module is needed and not on PATH" \
    "(on Debian: apt-get install python3 python3-venv); PYTHON=/path/to/python names one elsewhere." >&2
exit 1
