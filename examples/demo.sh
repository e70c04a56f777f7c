#!/usr/bin/env bash
# The main job on real files, all of it shown: back up, change, back up again, lose everything local, bring it
# all back from the target and 24 words, compare. Exit code 0 only if every byte, name and time is the same.
#
# `make demo` runs it. All happens in a temporary folder; KEEP=1 leaves it there to look at.
set -euo pipefail

recover=$(cd "$(dirname "$0")/../tools" && pwd)/recover.py
libraries=$(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
work=$(mktemp -d "${TMPDIR:-/tmp}/bakup-demo.XXXXXX")
[[ -n ${KEEP:-} ]] || trap 'rm -rf "$work"' EXIT
cd "$work"
export BAKUP_HOME=$work/home

say() { printf '\n# %s\n' "$*"; }

run() {
    printf '$'
    printf ' %s' "${@@Q}" | sed -E "s/'([A-Za-z0-9_.,:=~%@/+-]+)'/\1/g"
    echo
    "$@"
}

# All that a restore must bring back besides the bytes: type, mode, owner, time, links. Folders' sizes and link
# counts are the file system's own affair.
facts() {
    (cd "$1" && find . \( -type d -printf '%y %m %U %G %T@ %P\0' \) -o -printf '%y %m %U %G %T@ %n %s %l %P\0' | sort -z)
}

same() {
    run diff -r --no-dereference "$1" "$2"
    cmp <(facts "$1") <(facts "$2")
    echo "the same: $(find "$2" -type f -printf . | wc -c) files, $(du -sh --apparent-size "$2" | cut -f1)," \
        "with modes, owners, times and links"
}

say "Real files: this Python's libraries, and a few awkward ones"
run cp -a "$libraries" files
run mkdir files/awkward
head -c 40000000 /dev/urandom >files/awkward/large.bin
truncate -s 64M files/awkward/sparse.img
printf 'in the middle of a hole' | dd of=files/awkward/sparse.img bs=1 seek=33554432 conv=notrunc status=none
: >files/awkward/empty
ln files/awkward/large.bin files/awkward/hard-link
ln -s ../no/such/file files/awkward/dangling
printf 'bytes' >files/awkward/$'caf\xe9'
printf 'a name of two lines' >files/awkward/$'two\nlines'
mkdir files/awkward/nothing-in-it
chmod 4750 files/awkward/empty
touch -d '1969-07-20 20:17:40.123456789 UTC' files/awkward/empty
run ls -lAb files/awkward

say "An account, its 24 words in a file (on a terminal the first sync shows them instead)"
run bakup account new --words-file words

say "What would it store?"
run bakup plan files disk

say "The first backup"
run bakup sync files disk
cp -a files before

say "Change some, delete some, rename some; back up again: only what changed"
find files -name '*.py' | sort | awk 'NR % 50 == 0' | while IFS= read -r path; do echo '# changed' >>"$path"; done
find files -name '*.py' | sort | awk 'NR % 50 == 1' | while IFS= read -r path; do rm -- "$path"; done
find files -name '*.py' | sort | awk 'NR % 50 == 2' | while IFS= read -r path; do mv -- "$path" "$path.renamed"; done
head -c 65536 /dev/urandom | dd of=files/awkward/large.bin bs=65536 seek=300 conv=notrunc status=none
echo "$(find files -name '*.renamed' -printf . | wc -c) files each are changed, renamed, deleted; 64 KiB inside the large one are new"
run bakup sync files disk

say "Nothing changed"
run bakup sync files disk

say "What is there, and is it whole?"
run bakup ls disk
run bakup check disk --read-data

say "Lose everything local: the account, the catalog, all state"
run rm -rf home

say "Bring it back from the words and the target alone"
run bakup account recover --words-file words
run bakup rebuild disk
run bakup restore disk back
same files back

say "The earlier check point too"
run bakup restore disk earlier --at latest~1
same before earlier

say "The same by the independent reader, without bakup"
run rm -rf home
run python "$recover" --words-file words disk by-recover
same files by-recover

say "All the same, byte for byte"
