#!/bin/sh
# Finds a Python to install with; what is installed, and how, is in install.py.
usable='import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'
for python in ${PYTHON:-python3.11 python3.12 python3 /usr/bin/python3}; do
    if "$python" -c "$usable" 2>/dev/null; then
        exec "$python" tradingsite/install.py
    fi
done
echo "error: Python 3.11 or 3.12 with its venv module is needed and not on PATH" \
    "(on Debian: apt-get install python3 python3-venv); PYTHON=/path/to/python names one elsewhere." >&2
exit 1
