#!/usr/bin/env bash
# What `make bench` measures beside: Debian's own packages, installed when one is missing.
set -euo pipefail

declare -A program=([restic]=restic [borgbackup]=borg [rsync]=rsync [zstd]=zstd [xz-utils]=xz)
missing=()
for package in "${!program[@]}"; do
    command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
((EUID == 0)) || as_root=(sudo)
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
