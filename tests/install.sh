#!/usr/bin/env bash
# What peer tests run besides bakup: file systems, shells, a keyring, systemd. Debian's own packages, installed when one is missing.
set -euo pipefail

declare -A program=([e2fsprogs]=mkfs.ext4 [xfsprogs]=mkfs.xfs [zsh]=zsh [fish]=fish
    [ntfs-3g]=lowntfs-3g [systemd]=systemd-analyze [dbus]=dbus-run-session [gnome-keyring]=gnome-keyring-daemon
    [fuse3]=fusermount3 [attr]=getfattr)
missing=()
for package in "${!program[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${program[$package]}" >/dev/null || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
((EUID == 0)) || as_root=(sudo)
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" apt-get install --quiet --yes --no-install-recommends "${missing[@]}"
