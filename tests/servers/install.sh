#!/usr/bin/env bash
# Servers that the tests use as stores: Debian's packages, PyPI's in a venv of their own, azurite from npm.
set -euo pipefail
cd "$(dirname "$0")/../.."

azurite=3.35.0
venv=.venv-servers

declare -A program=(
    [radosgw]=radosgw [ceph-mon]=ceph-mon [ceph-osd]=ceph-osd [openssh-server]=sshd [samba]=smbd [npm]=npm [openssl]=openssl [vsftpd]=vsftpd
    [apache2-bin]=apache2 [nginx-light]=nginx [lighttpd]=lighttpd)
missing=()
for package in "${!program[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
if ((${#missing[@]})); then
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    echo "installing ${missing[*]}" >&2
    # Debian starts a server as it installs it; the tests start their own. 101 forbids it: invoke-rc.d(8).
    if ! [[ -e /usr/sbin/policy-rc.d ]]; then
        trap '"${as_root[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin /usr/sbin/policy-rc.d
    fi
    "${as_root[@]}" apt-get update --quiet
    "${as_root[@]}" apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
fi

if ! [[ $venv/.ready -nt requirements-servers.lock ]]; then
    echo "installing requirements-servers.lock into $venv" >&2
    rm -rf $venv
    "${PYTHON:-python3}" -m venv $venv
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-servers.lock
    touch $venv/.ready
fi

if ! [[ -e build/azurite/$azurite ]]; then
    echo "installing azurite $azurite into build/azurite" >&2
    rm -rf build/azurite
    mkdir -p build/azurite
    npm install --silent --no-save --no-audit --no-fund --prefix build/azurite "azurite@$azurite"
    touch build/azurite/$azurite
fi
