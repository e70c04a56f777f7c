#!/usr/bin/env bash
# The plain layout and ATBU on real files, both ways: ATBU verifies and restores what bakup backed up, bakup restores
# what ATBU backed up. Exit code 0 only if every byte, name and time is the same.
#
# Needs bakup on the PATH, and ATBU there too or installed by tests/atbu/install.sh. KEEP=1 leaves the folder.
set -euo pipefail

built=$(cd "$(dirname "$0")/.." && pwd)/build/atbu/bin
PATH=$PATH:$built
command -v atbu >/dev/null || { echo 'no atbu here: bash tests/atbu/install.sh' >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/bakup-atbu.XXXXXX")
[[ -n ${KEEP:-} ]] || trap 'rm -rf "$work"' EXIT
cd "$work"
export HOME=$work/home BAKUP_HOME=$work/home/bakup PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring
mkdir home

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@" </dev/null; }
quiet() { printf '$ %s\n' "$*"; "$@" </dev/null >log 2>&1 || { cat log >&2; exit 1; }; }
facts() { (cd "$1" && find . -type f -printf '%s %.23T+ %P\0' | sort -z); }
same() { run diff -r "$1" "$2"; cmp <(facts "$1") <(facts "$2"); echo "the same: $(find "$2" -type f | wc -l) files"; }

say "Real files, and a key for this target alone"
cp -r "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')/email" files
printf 'a comma' >'files/a, b=c'
python3 -c 'import secrets; print(secrets.token_hex(32))' >key

say "bakup backs up, one object a file"
run bakup sync "$work/files" target --layout atbak --key-file key

say "ATBU gets the key, finds the backup, verifies it, restores it"
mkdir target/.atbu
printf '$ bakup atbak key show target --key-file key --atbu >target/.atbu/atbu-config.json\n'
bakup atbak key show target --key-file key --atbu >target/.atbu/atbu-config.json
quiet atbu recover --no-prompt "$work/target"
quiet atbu verify "$work/target" backup:last 'files:*'
quiet atbu restore "$work/target" backup:last 'files:*' "$work/by-atbu"
same files by-atbu

say "ATBU backs up, with the same key, in a home of its own; bakup checks and restores it"
export HOME=$work/home/other
mkdir -p home/other theirs/.atbu
sed "s#$work/target#$work/theirs#" target/.atbu/atbu-config.json >theirs/.atbu/atbu-config.json
quiet atbu backup --full "$work/files" "$work/theirs" -z normal
run bakup check theirs --read-data --key-file key
run bakup restore theirs by-bakup --key-file key
same files "by-bakup$work/files"
