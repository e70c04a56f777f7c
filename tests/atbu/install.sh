#!/usr/bin/env bash
# ATBU itself, in a venv of its own under build/atbu: it needs Python 3.12 or newer.
# Anew from requirements.in: UPGRADE=1 bash tests/atbu/install.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

here=tests/atbu
lock=$here/requirements-atbu.lock
venv=build/atbu

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in python3.12 python3.13 python3.14 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    uv python find '>=3.12' 2>/dev/null && return
    echo 'ATBU needs Python 3.12 or newer: none of python3.12, python3.13, pyenv, uv has one' >&2
    return 1
}

python=$(find_python)
if [[ -n ${UPGRADE:-} ]]; then
    rm -rf build/lock
    "$python" -m venv build/lock
    build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
    build/lock/bin/uv pip compile --quiet --system-certs --no-config --universal --python-version 3.12 \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --upgrade \
        --output-file "$lock" "$here/requirements.in"
    rm -rf build/lock
fi
[[ $venv/.ready -nt $lock ]] && exit 0
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
touch "$venv/.ready"
