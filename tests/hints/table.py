"""Every hint that bakup prints, as a story for a shell: what brings it about, what it says to do, and that this did it.

A row is run in a folder with a BAKUP_HOME, `src/` (`a`, `b/c.txt`) and `t`, a target with a check point of it. In `does` and `proof` there are $HINT (what was printed), $COMMAND (what stands behind its last `: `, or alone on its
next line) and $AGAIN (`run`). Both must end with 0.
"""

from __future__ import annotations

from dataclasses import dataclass

PASTED = 'eval "$COMMAND"'
ADDED = 'eval "$AGAIN $COMMAND"'
ADD = 'eval "$AGAIN ${HINT##* }"'
AGAIN = 'eval "$AGAIN"'
RESTORED = "diff -r src out"


@dataclass(frozen=True)
class Hint:
    """`template` as tests/hints/collecting.py reads it; `given` makes the place, `run` prints it, `does` heeds it."""

    template: str
    run: str
    does: str = PASTED
    proof: str = "true"
    given: str = "true"


SPOILT = """
head -c 3M /dev/urandom > src/big && bakup sync src t
for one in t/*.bakup; do test $(stat -c %s $one) -lt 1000000 || printf xxxxxxxx | dd of=$one bs=1 seek=2500000 conv=notrunc; done
"""
"""`big` is damaged in its third MiB."""
OLDER = """
sleep 0.1 && echo more > src/more && bakup sync src t && rm $(ls -t t/*.bakup | head -1) home/catalog.db* && echo most > src/more
"""
"""A copy of `t` as it was before its newest check point stands there."""
CUT = "head -c 20M /dev/urandom > src/big && bakup sync src cut --sector-size 16MiB && rm $(ls -t cut/*.bakup | head -1) home/*.db*"
"""The end of the only check point is missing."""
BROKEN = "dd if=/dev/urandom of=home/NAME.db bs=4096 seek=1 count=8 conv=notrunc; rm -f home/NAME.db-*"
KEYRING = "export PYTHON_KEYRING_BACKEND=keyrings.alt.file.PlaintextKeyring; bakup account passphrase --keyring"
LOCKED = "PYTHON_KEYRING_BACKEND=keyring.backends.fail.Keyring"
OPEN = "PYTHON_KEYRING_BACKEND=keyrings.alt.file.PlaintextKeyring"
UNFORESEEN = """
mkdir patch
echo 'import bakup.flows.ls as m
def unforeseen(*args, **words): raise KeyError(1)
m.checkpoints = unforeseen' > patch/sitecustomize.py
"""
ALIKE = """
echo 2 > src/a && bakup sync src t
python -c "import sqlite3
c = sqlite3.connect('home/catalog.db')
c.execute('UPDATE checkpoints SET uuid = CAST(x\\"abcd\\" || substr(uuid, 3) AS BLOB)'.replace('\\"', chr(39)))
c.commit()"
"""
"""The ids of two check points begin with the same four digits."""

FORKED = """
cp -r t t2 && echo x > src/a && bakup sync src t && echo y > src/a && bakup sync src t2 && cp -n t2/*.bakup t || true
"""
"""Two copies of `t` that were used apart, brought together again."""
FREE_PORT = "python -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); print(s.getsockname()[1])' > port"
HALF = "head -c 900 t/*.bakup > t/.half.part"

WEBDAV = "tests/store/test_webdav.py::test_a_server_that_is_elsewhere_or_another_is_said"
ANSWERS = "tests/acceptance/test_odd_answers.py::test_what_cannot_come_ends_soon"
ODD = "tests/acceptance/test_odd_answers.py::test_a_page_is_no_empty_bucket"
ELSEWHERE = {
    "to unmount: bakup umount {}": "tests/mount/test_mount.py::test_in_the_background",
    "to take that away: bakup umount {}": "tests/mount/test_mount.py::test_in_the_background",
    "a mount that was killed is still there: bakup umount {}": "tests/mount/test_mount.py::test_a_mount_that_was_killed",
    "see which programs: fuser -vm {}": "tests/mount/test_mount.py::test_a_mount_in_use_stays",
    "of Debian: apt install fuse3": "tests/mount/test_mount.py::test_without_the_programs_of_fuse",
    "once no other tool copies to {}, {} can be removed": "tests/cli/test_check.py::test_an_unfinished_copy_at_a_store",
    "{}; then: bakup check {}": "tests/acceptance/test_odd_answers.py::test_an_archived_sector_is_not_damaged",
    "is the host's name right, and the clock? where the certificate is your own: docs/stores.md says how": ANSWERS,
    "is this computer's clock right? it says {}": ANSWERS,
    "is it another region? --store-option client_kwargs.region_name=REGION": ANSWERS,
    "is the port that of a web console, or does a network in between want a log-in?": ODD,
    "give that address": WEBDAV,
    "where it speaks WebDAV, write webdav:// for https://": WEBDAV,
    "is it the address for WebDAV? often a path such as /remote.php/dav belongs to it": WEBDAV,
    "if a proxy ends TLS before it, let the proxy write http: for https: in the header Destination": "tests/store/test_webdav.py::test_where_to_is_said_as_a_server_behind_a_proxy_understands_it",
    "another program has it open: when that has ended, run the same command again": "tests/cli/test_local_state.py::test_a_held_catalog_is_not_broken",
    "a newer bakup made it: use that one": "tests/account/test_keyfile.py::test_a_newer_version_is_no_damage",
    "a newer bakup may read it": "tests/format/test_header.py::test_refused_bytes",
    "is its name right? bakup makes no buckets": "tests/store/test_answers.py::test_no_retry_helps",
    "is the address right, and the network there?": "tests/store/test_patience.py::test_a_store_that_never_answered_is_given_up_soon",
    "make room and run the same command again": "tests/circumstances/test_full_disks.py::test_full_catalog",
    "make room and run the same command again: it goes on where it stopped": "tests/circumstances/test_full_disks.py::test_full_target",
    "run the same command again when that is mended: it goes on where it stopped": "tests/circumstances/test_full_disks.py::test_full_destination",
    "try it before you need it: bakup restore {} {}": "tests/transcripts/test_backing_up.py::test_the_first_run",
    "were they killed, or out of memory? run the same command again": "tests/flows/test_many_hands.py::test_when_all_workers_die_the_next_run_goes_on",
    "was it killed, or out of memory? run the same command again": "tests/source/test_ahead.py::test_a_process_that_dies_is_an_error_and_not_an_end",
    "was something mounted or moved? run the same command again": "tests/source/test_scan.py::test_a_root_that_goes_away_is_an_error_and_deletes_nothing",
    "when it answers, run the same command again: it goes on where it stopped": "tests/faults/test_bad_network.py::test_a_network_that_stays_away",
}
"""Hints that need a server, a keyring or another program to come about: the test that heeds each."""

TABLE = (
    Hint(
        "to bring back another than the latest: bakup restore {} /tmp/{} --at {}",
        "bakup check t",
        given=FORKED,
        proof="grep -q x /tmp/${COMMAND##* }/a; rm -r /tmp/${COMMAND##* }",
    ),
    Hint("if that is all right: bakup check --accept-loss {}", "bakup check t", given=FORKED, proof="bakup check t"),
    Hint("once no other tool copies to it: rm {}", "bakup check t", given=HALF, proof="test ! -e t/.half.part"),
    Hint(
        "to see what that means: bakup check {}",
        "bakup ls t",
        given="bakup sync src unsigned --no-sign && cp unsigned/*.bakup t",
        does='eval "$COMMAND" 2> said || test $? = 22',
        proof="grep 'is not signed' said",
    ),
    Hint("the views: bakup query {} --list", "bakup query t 'DELETE FROM files'"),
    Hint("those there are: bakup query {} --list", "bakup query t nonsense"),
    Hint(
        "give it more time: --time-limit {}s",
        "bakup query t 'WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r LIMIT 1000000) SELECT count(*) FROM r' --time-limit 0.01s",
        "eval \"bakup query t 'SELECT count(*) FROM files' $COMMAND\"",
    ),
    Hint("an address and a port: --listen 127.0.0.1:8730", "bakup serve http t --listen 8730", "true"),
    Hint(
        "with a password in a file: --password-file FILE",
        "bakup serve http t --listen 0.0.0.0:0",
        "echo secret > file && (timeout -s TERM 5 bakup serve http t --listen 0.0.0.0:0 --password-file file || true) | grep serving",
    ),
    Hint("make it: mkdir -p {}", "bakup mount t old", proof="test -d old"),
    Hint("one of its sectors: bakup sector inspect {}", "bakup sector inspect t"),
    Hint("all that is in it: bakup check {}", "bakup sector inspect t"),
    # accounts
    Hint(
        "make one: bakup account new",
        "bakup account show",
        'eval "$COMMAND --words-file c2"',
        "bakup account show",
        "rm -r home",
    ),
    Hint(
        "with your 24 words: bakup account recover",
        "bakup ls t",
        'eval "$COMMAND --words-file card"',
        AGAIN,
        "rm -r home",
    ),
    Hint("chmod 600 {}", "bakup account show", 'eval "$HINT"', AGAIN, "chmod 644 home/account"),
    Hint(
        "move it away, then with your 24 words: bakup account recover",
        "bakup account show",
        'mv home/account x; eval "$COMMAND --words-file card"',
        AGAIN,
        "echo x > home/account; chmod 600 home/account",
    ),
    Hint(
        "move it away, then with your 24 words: bakup account recover",
        "bakup account show 2>&1 | tee said; grep 'one of an earlier draft' said",
        'mv home/account x; eval "$COMMAND --words-file card"',
        "bakup ls t",
        "cp $ROOT/tests/fixtures/draft/account home/account; chmod 600 home/account",
    ),
    Hint("see which: bakup account show", "bakup account recover --words-file card"),
    Hint(
        "to keep a second one, give it a folder: BAKUP_HOME=DIR bakup account recover",
        "bakup account recover --words-file card",
        'eval "${COMMAND/DIR/other} --words-file card"',
        "BAKUP_HOME=other bakup ls t",
    ),
    Hint(
        "a second one needs a folder of its own: BAKUP_HOME=DIR bakup account new",
        "bakup account new --words-file c2",
        'eval "${COMMAND/DIR/other} --words-file c2"',
        "BAKUP_HOME=other bakup account show",
    ),
    Hint(
        "with the words of {}: BAKUP_HOME=DIR bakup account recover",
        "bakup ls t",
        'eval "${COMMAND/DIR/other} --words-file card"',
        "BAKUP_HOME=other bakup ls t",
        "rm -r home; bakup account new --words-file c2",
    ),
    Hint(
        "to keep two accounts on one target, add --new-target",
        "bakup sync src t",
        ADD,
        "bakup ls t",
        "rm -r home; bakup account new --words-file c2",
    ),
    Hint(
        "type the words in their order, without numbers",
        "bakup account recover --words-file short",
        "bakup account recover --words-file card",
        "bakup account show",
        "rm -r home; sed 's/^1 /25 /' card > short; grep -q '^25 ' short",
    ),
    Hint(
        "compare them with the card, one by one",
        "bakup account recover --words-file wrong",
        "bakup account recover --words-file card",
        "bakup account show",
        "rm -r home; sed -n 's/^[0-9]* //p' card | tac > wrong",
    ),
    Hint(
        "nearest to word {}: {}",
        "bakup account recover --words-file wrong",
        'for word in ${COMMAND//,/}; do grep " $word\\$" card && exit 0; done; exit 1',
        "true",
        "rm -r home; sed 's/^1 .*/&q/' card > wrong",
    ),
    Hint(
        "make one first: bakup account new --words-file FILE",
        "bakup sync src new",
        'eval "${COMMAND/FILE/c2}"',
        AGAIN,
        "rm -r home",
    ),
    Hint("bakup account words --words-file FILE", "bakup account words", 'eval "${COMMAND/FILE/c2}"', "diff card c2"),
    Hint(
        "bakup account recover --words-file FILE (-: standard input)",
        "bakup account recover </dev/null",
        'command=${COMMAND% (*}; HINT=${HINT% (*}; eval "${HINT/FILE/card}"',
        "bakup ls t",
        "rm -r home",
    ),
    Hint(
        "--passphrase-command CMD",
        "bakup sync src t --always",
        "bakup sync src t --always --passphrase-command 'echo open'",
        "true",
        "rm -r home; bakup account recover --words-file card --passphrase-command 'echo open'",
    ),
    Hint(
        "move its file away, then with your 24 words: bakup account recover",
        f"{OPEN} bakup ls t",
        'mv home/account x; eval "$COMMAND --words-file card"',
        AGAIN,
        f"{KEYRING}; find . -name keyring_pass.cfg -delete",
    ),
    Hint(
        "a passphrase protects the account without it: bakup account passphrase",
        "PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring bakup account passphrase --keyring",
        '(sleep 2; echo new; sleep 1; echo new) | script -qec "$COMMAND" typescript',
        'bakup ls t --passphrase-command "echo new"',
    ),
    Hint("unlock it and run the same command again", f"{LOCKED} bakup ls t", f"{OPEN} bakup ls t", "true", KEYRING),
    Hint(
        "without it, with your 24 words: BAKUP_HOME=DIR bakup account recover",
        f"{LOCKED} bakup ls t",
        'eval "${COMMAND/DIR/other} --words-file card"',
        "BAKUP_HOME=other bakup ls t",
        KEYRING,
    ),
    Hint(
        "bring it to the Python of this bakup: {} -m pip install {}",
        "PYTHONPATH=without bakup ls s3://x/y",
        PASTED,
        "true",
        "mkdir without; echo 'raise ImportError' | tee without/s3fs.py > without/aiobotocore.py",
    ),
    Hint(
        "with the key in a file: --key-file FILE",
        "bakup ls at",
        'eval "$AGAIN ${COMMAND/FILE/key}"',
        "true",
        "bakup sync src at --layout atbak; bakup atbak key show at > key; rm -r home",
    ),
    Hint(
        "print that file, keep it elsewhere, and delete it here",
        'script -qec "bakup account new --words-file c2" typescript | tr -d "\\r"',
        "cat c2 > paper; rm -r c2 home; bakup account recover --words-file paper",
        "bakup account show",
        "rm -r home",
    ),
    Hint(
        "names and files need the account {}: bakup account recover",
        'script -qec "bakup sector inspect t/*.bakup" typescript | tr -d "\\r"',
        'eval "$COMMAND --words-file card"',
        "bakup sector inspect t/*.bakup | grep c.txt",
        "rm -r home",
    ),
    Hint(
        "give a new file: bakup account new --words-file card.txt",
        "bakup account new --words-file -",
        PASTED,
        "bakup account show",
        "rm -r home",
    ),
    # asking in another way
    Hint("{} --help", "bakup sync", 'eval "$HINT" | grep "Usage: bakup sync"'),
    Hint("the commands: {} --help", "bakup frobnicate", 'eval "$COMMAND" | grep Usage'),
    Hint("its options: {} --help", "bakup ls t --frobnicate", 'eval "$COMMAND" | grep Usage'),
    Hint("did you mean: {} {}", "bakup lss t", 'eval "$COMMAND t"'),
    Hint("did you mean: {}", "bakup ls t . --recursiv", 'eval "bakup ls t . $COMMAND"'),
    Hint("bakup sync", "bakup backup src t", 'eval "$HINT src t"'),
    Hint("bakup ls", "bakup snapshots t", 'eval "$HINT t"'),
    Hint("bakup cat", "bakup dump t a", 'eval "$HINT t a" | diff - src/a'),
    Hint("bakup restore", "bakup extract t out", 'eval "$HINT t out"', RESTORED),
    Hint("bakup check --read-data", "bakup verify t", 'eval "$HINT t"'),
    Hint("bakup account", "bakup key", 'eval "$HINT show"'),
    Hint("bakup rebuild", "bakup repair t", 'eval "$HINT t"'),
    Hint("bakup --version", "bakup version", 'eval "$HINT"'),
    Hint("the first sync makes a target", "bakup init new", "bakup sync src new", "bakup ls new"),
    Hint("the target has no locks", "bakup unlock t", "bakup sync src t; ! find t -name '*lock*' | grep ."),
    Hint(
        "nothing is deleted at a target; to offer less of it: bakup forget",
        "bakup prune t",
        "before=$(ls t); $COMMAND t --keep-last 1; for one in $before; do test -e t/$one; done",
    ),
    Hint(
        "to see what such rules do: bakup forget {} --keep-daily 7 --keep-weekly 4 -n",
        "bakup forget t",
        proof="bakup ls t",
    ),
    Hint("to add one: bakup tag {} {} +kept", "bakup tag t latest", proof="bakup ls t --tag kept"),
    Hint("to see that: bakup compact {} -n", "bakup compact t", proof="bakup ls t"),
    Hint(
        "to drop it all the same: bakup forget {} {} --even-latest",
        "bakup forget t --at $(bakup ls t --json | grep -o 'check_point\":\"[0-9a-f]*' | tail -1 | cut -d'\"' -f3)",
        proof="! bakup ls t",
    ),
    Hint(
        "any tool copies a target: its objects never change",
        "bakup copy t t2",
        "cp -a t t2",
        "bakup restore t2 out; diff -r src out",
    ),
    Hint("the target is an argument: {} {}", "bakup ls -r t", "bakup ls t"),
    Hint(
        "to see a line a path: -v",
        "bakup sync -i src t",
        'echo new > src/new; eval "bakup sync $COMMAND src t" | grep "^+.*new"',
    ),
    Hint(
        "not needed: check points keep every version",
        "bakup sync -u src t",
        "echo b > src/a; bakup sync src t",
        "bakup cat t a --at latest~1 | grep -x a; bakup cat t a | grep -x b",
    ),
    Hint(
        "not needed: bakup always does",
        "bakup sync --times src t",
        "bakup restore t out",
        "test out/a -nt src/b/c.txt -o ! src/a -nt out/a",
    ),
    Hint("--limit-upload RATE", "bakup sync --bwlimit 1M src t", 'eval "bakup sync ${HINT/RATE/1M} src t"'),
    Hint(
        "--exclude-larger-than SIZE",
        "bakup sync --max-size 1M src t",
        'head -c 2M /dev/zero > src/big; eval "bakup sync ${HINT/SIZE/1M} src t"',
        "! bakup cat t big",
    ),
    Hint("--at WHEN", "bakup ls t --snapshot latest", 'eval "bakup ls t ${HINT/WHEN/latest}"'),
    Hint(
        "--passphrase-command CMD; modes are always kept",
        "bakup ls -p file t",
        "bakup ls t --passphrase-command 'cat file'",
        "bakup restore t out; diff <(stat -c %a src/a) <(stat -c %a out/a)",
    ),
    Hint("--store-option K=V; owners are always kept", "bakup ls -o x t", "bakup ls t --store-option auto_mkdir=true"),
    Hint("over SSH: {}", "bakup ls nas:/srv/x", "test $COMMAND = sftp://nas/srv/x"),
    Hint("at a store: {}", "bakup ls s3:bucket/x", "test $COMMAND = s3://bucket/x"),
    Hint(
        "a bucket at a server: {} --store-option endpoint_url={}",
        "bakup ls s3:s3.example.org/bucket/x",
        'test "$COMMAND" = "s3://bucket/x --store-option endpoint_url=https://s3.example.org"',
    ),
    Hint("a folder of that name: {}", "bakup ls nas:x", 'mv t nas:x; eval "bakup ls $COMMAND"'),
    Hint("of that check point: bakup restore {} {} --at {}", "bakup restore t latest", PASTED, "diff -r src tmp/try"),
    Hint(
        "a folder of that name: ./{}", "bakup restore t latest", 'eval "bakup restore t $COMMAND"', "diff -r src latest"
    ),
    Hint("here: {}/{}/{}", "bakup ls file://t/x", 'test "$COMMAND" = file:///t/x'),
    Hint(
        "for example: --store-option profile=backup",
        "bakup ls t --store-option profile",
        'eval "bakup plan src s3://b $COMMAND --retry-for 0s" 2>&1 | grep -v "not NAME=VALUE"',
    ),
    Hint(
        "write %2F for /, %3F for ?, %23 for #",
        "bakup ls sftp://me:a/b@127.0.0.1:1/x",
        "bakup ls sftp://me:a%2Fb@127.0.0.1:1/x --retry-for 0s 2>&1 | grep -v 'bare /'",
    ),
    Hint(
        "or give it by --store-option password=env:NAME",
        "bakup ls sftp://me:a/b@127.0.0.1:1/x",
        "NAME=a/b bakup ls sftp://me@127.0.0.1:1/x --store-option password=env:NAME --retry-for 0s 2>&1 | grep -v 'bare /'",
    ),
    Hint(
        "where a name has one, write {}",
        "bakup ls sftp://127.0.0.1:1/x#y",
        'bakup ls "sftp://127.0.0.1:1/x${COMMAND##* }y" --retry-for 0s 2>&1 | grep -v "a bare #"',
    ),
    Hint("--exclude P", "bakup sync -e a src new", 'eval "bakup sync ${HINT/P/a} src new"', "! bakup cat new a"),
    Hint(
        "mount it, or write what it gives to a file first",
        "bakup sync <(cat src/a) t",
        "cat src/a > file; bakup sync file t",
        "bakup restore t out --source file; diff src/a out/file",
    ),
    Hint(
        "give more digits of it",
        "bakup ls t . --at abcd",
        'bakup ls t . --at $(bakup ls t | grep -o "^abcd[0-9a-f]*" | head -1)',
        "true",
        ALIKE,
    ),
    Hint(
        "to replace it: --overwrite",
        "bakup atbak decrypt $(cat one) out; bakup atbak decrypt $(cat one) out",
        'eval "bakup atbak decrypt $(cat one) out $COMMAND"',
        "true",
        "bakup sync src at --layout atbak; bakup ls at a --objects | grep -o '[^ ]*atbake' | sed s:^:at/: > one",
    ),
    Hint("{}: bakup {} {} {}", "bakup cat t b", PASTED),
    Hint(
        "a GLOB without / is held against the last name, one with / against the whole path",
        "bakup find t c",
        "bakup find t 'c.*'; bakup find t 'b/c.*'",
    ),
    Hint("search for its name: bakup find {} {}", "bakup history t x/c.txt", PASTED),
    Hint("search all check points: bakup find {} {}", "bakup ls t x/c.txt", PASTED),
    Hint("see what is there: bakup ls -R {} .{}", "bakup restore t out nothing", PASTED),
    Hint(
        "see what is there: bakup ls -R {} .{}",
        "bakup restore two out nothing --source src --at latest~1",
        PASTED,
        given="mkdir q && bakup sync q src two && echo 2 > src/a && bakup sync q src two",
    ),
    Hint(
        "did you mean: --source {}",
        "bakup ls two --source scr",
        'eval "bakup ls two ${COMMAND}"',
        given="mkdir q && bakup sync q src two",
    ),
    Hint("did you mean: {}", "bakup cat t C.TXT", 'eval "bakup cat t $COMMAND" | diff - src/b/c.txt'),
    Hint(
        "did you mean: {}",
        "bakup restore t out b/c.tx",
        'eval "bakup restore t out $COMMAND"',
        "diff src/b/c.txt out/b/c.txt",
    ),
    Hint("did you mean: {}", "bakup ls t c.txt", 'eval "bakup ls t $COMMAND" | grep c.txt'),
    Hint(
        "did you mean: {}{}{}",
        "bakup ls s4://x",
        'eval "bakup ls $COMMAND" 2>&1 | grep "s3://x"',
    ),
    Hint(
        "whose it is, and who may do what: ls -ld {}",
        "as_user bakup ls t",
        'eval "$COMMAND" | grep ^d--------- && chmod 755 t',
        AGAIN,
        "chmod 0 t",
    ),
    Hint(
        "it asks for {}; docs/stores.md says where from",
        "bakup ls s3://b --store-option endpoint_url=http://127.0.0.1:1",
        'eval "AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b $AGAIN --retry-for 0s" 2>&1 | grep "no answer"',
    ),
    Hint("if this is a new, empty drive, add --new-target", "bakup sync src t", ADD, "bakup ls t", "rm -r t"),
    Hint("see which there are: bakup ls {}", "bakup ls t --at latest~7", PASTED),
    Hint(
        "the last part of the path is enough: --source {}",
        "bakup cat two x",
        ADDED,
        "true",
        "mkdir -p p/data q/data; echo p > p/data/x; echo q > q/data/x; bakup sync p/data q/data two",
    ),
    Hint(
        "latest, latest~1, 4 or more digits of an id, 2026-11-21, or '2026-11-21 18:40'",
        "bakup ls t --at nonsense",
        'id=$(bakup ls t --json | grep -o \'"check_point":"[^"]*\' | cut -d: -f2 | tr -d \'"\'); for at in latest ${id:0:4} $(date +%F) "$(date "+%F %H:%M" -d "+1 minute")"; do bakup ls t --at "$at"; done',
    ),
    Hint(
        "give another folder: what is restored is not put among sectors",
        "bakup restore t t",
        "bakup restore t out",
        RESTORED,
    ),
    Hint(
        "--overwrite always, never, or if-newer (replaces what is older here)",
        "bakup restore t out",
        "for how in never if-newer always; do bakup restore t out --overwrite $how; done",
        RESTORED,
        "cp -a src out; echo other > out/a; touch -d yesterday out/a",
    ),
    Hint(
        "give a new folder",
        "bakup sector restore t/*.bakup src",
        "bakup sector restore t/*.bakup out",
        "test -s out/a -o -d out",
    ),
    Hint(
        "to keep all that is left of it: {}",
        "bakup cat t big > /dev/null",
        'eval "$COMMAND" || test $? = 3',
        "find tmp/try -name 'big.part'",
        SPOILT,
    ),
    Hint(
        "--partial keeps what is left of a file, as NAME.part and NAME.part.ranges",
        "bakup restore t out",
        "bakup restore t out2 --partial || test $? = 3",
        "test -s out2/big.part -a -s out2/big.part.ranges",
        SPOILT,
    ),
    Hint(
        "give a folder, and copy it then", "bakup sector restore t/*.bakup s3://x", "bakup sector restore t/*.bakup out"
    ),
    Hint("is a variable unset, or empty?", 'bakup ls t "$NOTHING"', "NOTHING=b; bakup ls t $NOTHING"),
    Hint("the root of the source: .", 'bakup ls t ""', 'eval "bakup ls t $COMMAND"'),
    # sources that are suddenly empty
    Hint("if all of it was deleted on purpose:\n{}", "bakup sync src t", PASTED, "bakup ls t", "rm -r src/*"),
    Hint(
        "to bring them back: {}",
        "bakup sync src t",
        'eval "${COMMAND/OUT/out}"',
        "test -e out/200",
        "touch src/{1..200}; bakup sync src t; rm src/{10..200}",
    ),
    Hint("is it mounted?", "bakup sync src t", "rmdir src; mv away src", AGAIN, "mv src away; mkdir src"),
    Hint(
        "are they mounted?",
        "bakup sync src two t",
        "rmdir src two; mv away src; mv away2 two",
        AGAIN,
        "mkdir two; touch two/x; bakup sync src two t; mv src away; mv two away2; mkdir src two",
    ),
    Hint(
        "is the list right, and is SRC mounted?",
        "bakup sync src t --files-from none",
        "bakup sync src t --files-from some",
        "true",
        "touch none; echo a > some",
    ),
    Hint(
        "listed paths are relative to SRC, or begin with it",
        "bakup sync src t --files-from list",
        'echo "$PWD/src/a" > list; echo b >> list; eval "$AGAIN"',
        "bakup cat t a",
        "echo /etc/passwd > list",
    ),
    # targets
    Hint("is the drive mounted?", "bakup ls t", "mv away t", AGAIN, "mv t away"),
    Hint(
        "to back up a folder to it: bakup sync ~/Documents {}",
        "bakup ls empty",
        PASTED,
        "bakup ls empty",
        "mkdir empty Documents; echo x > Documents/x",
    ),
    Hint(
        "to use it all the same, add --new-target",
        "bakup sync src other",
        ADD,
        "bakup ls other",
        "mkdir other; echo x > other/x",
    ),
    Hint("if this is a new, empty drive:\n{}", "bakup sync src t", PASTED, "bakup ls t", "rm -r t; mkdir t"),
    Hint(
        "if you made them so: {}",
        "bakup ls plain",
        ADDED,
        "true",
        "bakup sync src plain --no-sign --no-encrypt; rm home/*.db*",
    ),
    Hint(
        "--accept-unsigned believes it",
        "bakup sector restore plain/*.bakup out",
        'eval "$AGAIN --accept-unsigned"',
        "true",
        "bakup sync src plain --no-sign",
    ),
    Hint(
        "--accept-plain reads it",
        "bakup sector restore plain/*.bakup out",
        'eval "$AGAIN --accept-plain"',
        "true",
        "bakup sync src plain --no-encrypt",
    ),
    Hint(
        "to look at one by itself: bakup {} inspect {}",
        "bakup ls t",
        'eval "$COMMAND" || test $? = 21',
        "true",
        "rm home/*.db*; for one in t/*.bakup; do truncate -s 100 $one; done",
    ),
    Hint(
        "were they made before the format was frozen? then the bakup that made them reads them",
        "bakup ls draft",
        "test $(stat -c %s draft/*.bakup) = 3192",  # as it was: nothing is written
        "bakup ls t",
        "cp -r $ROOT/tests/fixtures/draft draft; rm draft/account",
    ),
    Hint(
        "to bring back what is there: bakup restore {} OUT --at {}",
        "bakup ls cut",
        'eval "${COMMAND/OUT/out}" || test $? = 3',
        "test -e out/a",
        CUT,
    ),
    Hint("see why: bakup check {}", "bakup cat cut a", 'eval "$COMMAND" || test $? -lt 24', "true", CUT),
    Hint("see what is there: bakup check {}", "bakup sync src t", 'eval "$COMMAND" || test $? = 23', "true", OLDER),
    Hint("to go on from what is there, add --new-target", "bakup sync src t", ADD, "bakup ls t", OLDER),
    Hint(
        "--layout {} is for a new target",
        "bakup sync src t --layout atbak",
        "bakup sync src new --layout atbak",
        "bakup ls new",
    ),
    Hint(
        "a new target gets it by --layout atbak",
        "bakup sync src t --key-file key",
        "bakup sync src new --layout atbak",
        "bakup ls new",
        "head -c 32 /dev/urandom | base64 > key",
    ),
    Hint(
        "{} is for a new target",
        "bakup sync src t --no-sign",
        "bakup sync src new --no-sign",
        "bakup ls new --accept-unsigned",
    ),
    Hint(
        "sync each source by itself",
        "bakup sync src more t --name n",
        "bakup sync src t --name n",
        "bakup ls t --source n",
        "mkdir more",
    ),
    Hint(
        "--compression gzip:LEVEL or none",
        "bakup sync src new --layout atbak --compression zstd:3",
        "bakup sync src new --layout atbak --compression gzip:3",
        "bakup ls new",
    ),
    Hint(
        "--compression zstd:LEVEL or none",
        "bakup sync src new --compression gzip:3",
        "bakup sync src new --compression zstd:3",
        "bakup ls new",
    ),
    Hint(
        "any tool copies it: {} never change",
        "bakup sync t new",
        "cp -a t new",
        "bakup restore new out; diff -r src out",
    ),
    Hint(
        "to use it, add --new-target",
        '(sleep 2; echo n) | script -qec "bakup sync src other" typescript | tr -d "\\r"',
        "bakup sync src other ${HINT##* }",
        "bakup ls other",
        "mkdir other; echo x > other/x",
    ),
    Hint(
        "a smaller one fits: --sector-size SIZE",
        "(ulimit -f 20000; bakup sync src new --sector-size 64MiB)",
        'eval "(ulimit -f 20000; bakup sync src new ${COMMAND/SIZE/16MiB})"',
        "bakup check new",
        "head -c 40M /dev/urandom > src/big",
    ),
    Hint(
        "{} unchanged in {}; to store {} again:\n{}",
        "bakup check t",
        PASTED,
        "bakup restore t out; diff -r src out",
        "echo more > src/more; bakup sync src t; rm $(ls -tr t/*.bakup | head -1)",
    ),
    Hint("where it was: bakup restore {}", "bakup restore t /", PASTED, "diff -r src src2", "cp -r src src2; rm src/a"),
    Hint(
        "the last one with files: bakup restore {}",
        "bakup restore t out",
        PASTED,
        "diff -r kept out",
        "cp -r src kept; rm -r src/*; bakup sync src t --allow-empty",
    ),
    # what is not reached, or was cut off
    Hint(
        "may this user read them? are they in an archive tier? then bring them back from it first",
        "as_user bakup ls t",
        "chmod 600 t/*.bakup",
        AGAIN,
        "rm home/*.db*; chmod 0 t/*.bakup",
    ),
    Hint(
        "run the same command again: it goes on where it stopped",
        "bakup sync src new --sector-size 16MiB --limit-upload 20MiB --log-file log &"
        " until grep -q sector-stored log; do sleep 0.05; done; kill -TERM $!; wait $!",
        "bakup sync src new --sector-size 16MiB 2>&1 | grep 'going on from the run'",
        "bakup restore new out; diff -r src out",
        "head -c 60M /dev/urandom > src/big",
    ),
    Hint(
        "is the port right, and a server running there?",
        "bakup sync http://127.0.0.1:$(cat port)/ t --retry-for 0s",
        'serve src && eval "$AGAIN" && stop',
        "bakup ls t . --source http://127.0.0.1:$(cat port)/ | grep b/",
        FREE_PORT,
    ),
    Hint(
        "is the host's name right, and the network there?",
        "bakup sync http://nowhere.invalid:$(cat port)/ t --retry-for 0s",
        'serve src && eval "${AGAIN/nowhere.invalid/127.0.0.1}" && stop',
        "bakup ls t . --source http://127.0.0.1:$(cat port)/ | grep b/",
        FREE_PORT,
    ),
    Hint(
        "is its name right?",
        "serve empty && bakup sync http://127.0.0.1:$(cat port)/ t; stop",
        "serve src && bakup sync http://127.0.0.1:$(cat port)/ t && stop",
        "bakup ls t . --source http://127.0.0.1:$(cat port)/ | grep b/",
        f"{FREE_PORT}; serve src && bakup sync http://127.0.0.1:$(cat port)/ t && stop; mkdir empty",
    ),
    # local state
    Hint(
        "it ends by itself; to wait longer: --lock-wait 10min",
        "flock home/lock sleep 4 & sleep 1; bakup sync src t --lock-wait 0s",
        'eval "bakup sync src t $COMMAND"',
    ),
    Hint(
        "to see where: the same command with -vv, or with --log-file FILE",
        "PYTHONPATH=patch bakup ls t",
        'eval "$AGAIN -vv" 2>&1 | grep Traceback; eval "$AGAIN --log-file log" || grep Traceback log',
        "true",
        UNFORESEEN,
    ),
    Hint(
        "all of it is in {}",
        "PYTHONPATH=patch bakup ls t --log-file log",
        "grep Traceback ${HINT##* }",
        "true",
        UNFORESEEN,
    ),
    Hint(
        "catalog.db is only a cache, and made again when it is gone: rm {}/catalog.db*",
        "bakup find t a",
        PASTED,
        AGAIN,
        BROKEN.replace("NAME", "catalog"),
    ),
    Hint(
        "state.db is broken; to begin it anew, move it away: mv {} {}.broken",
        "bakup sync src t",
        PASTED,
        AGAIN,
        BROKEN.replace("NAME", "state"),
    ),
)


def known() -> set[str]:
    """Every template that a row, or a test elsewhere, heeds."""
    return {hint.template for hint in TABLE} | set(ELSEWHERE)
