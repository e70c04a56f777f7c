"""Blocks of the experience page to which several tests hold bakup: by rendering values, and by running it."""

from __future__ import annotations

RESTORED_IN_PART = """\
restored      56,217 files   63.3 GiB to /home/ana/back, in 3 min 41 s
not restored       3 files   4.25 GiB
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
warning: sector 77aa03f1-0b62-4e0d-8a3c-52f7d19e6c04 is missing; 3 files need it
  2025/08/DSC04518.ARW       24.0 MiB
  2025/08/DSC04519.ARW       23.9 MiB
  2025/08/boat.mov           208 MiB of 4.20 GiB
hint: --partial keeps what is left of a file, as NAME.part and NAME.part.ranges
"""

LISTED = """\
laptop:/home/ana/Photos
id        time                   files      size    stored  tags
3f9c2a1e  2026-11-21 18:40:12   56,204  67.4 GiB  66.1 GiB
8b1d07c4  2026-11-22 18:31:05   56,220  67.6 GiB   221 MiB  after-trip
2 check points, 66.3 GiB in 266 sectors; times in Europe/Berlin
"""

INSPECTED = """\
sector        5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77, version 1
size          256 MiB: header 2.61 KiB, data 255 MiB, metadata 14.2 KiB
protection    encrypted for account 7c41-9e02-b3aa, signed by it: good
regions       metadata good, data good
"""

DAMAGED = """\
checked       266 sectors, 66.3 GiB read, in 5 min 02 s
damaged       1 sector: 3 of 71,204 chunks
lost          2 files, in check points 3f9c2a1e to 8b1d07c4
good          everything else; backing up to this target can go on
error: sector 5d0c91aa-7f3e-4b1c-9d55-1f0e6c2a9b77 is damaged at 41,943,040
  2025/07/Sardinia/DSC04411.ARW       24.1 MiB
  2025/07/Sardinia/DSC04412.ARW       23.8 MiB
hint: both are unchanged in /home/ana/Photos; to store them again:
  bakup sync /home/ana/Photos /mnt/usb/backup
"""

MISSING = """\
checked       265 of 266 sectors: signatures, metadata, references
missing       1 sector
lost          3 files, in check points 3f9c2a1e to 8b1d07c4
good          everything else; backing up to this target can go on
error: sector 77aa03f1-0b62-4e0d-8a3c-52f7d19e6c04 is missing, 256 MiB
  2025/08/DSC04518.ARW       24.0 MiB
  2025/08/DSC04519.ARW       23.9 MiB
  2025/08/boat.mov           208 MiB of 4.20 GiB
hint: all 3 are unchanged in /home/ana/Photos; to store them again:
  bakup sync /home/ana/Photos /mnt/usb/backup
"""

OVERVIEW = """\
Usage: bakup COMMAND [OPTIONS] [ARGS]...

  Back up any tree to any store, trusted or not.

Back up:
  sync        store what changed in SRC...; deletes nothing at DST
  plan        say what sync would store: files, sizes, sectors, space, time

Look:
  ls          check points; with PATH, the entries of one
  find        search names, sizes and times in all check points
  history     every version of one path
  diff        what changed between two check points
  cat         write one file to standard output
  stats       sizes by source, sectors, what dedup and compression saved
  query       ask the catalog in SQL, or a ready-made question
  mount       check points as folders, to look at with any program
  umount      take a mount away
  serve       check points for other systems, over HTTP

Bring back:
  restore     files into OUT, each verified before it gets its name

Look after:
  check       signatures, metadata, references; --read-data: every byte
  forget      drop check points that no rule keeps; nothing is deleted
  compact     what space could be given back after forget; changes nothing
  tag         give a check point other tags
  rebuild     make the catalog again, from the target alone
  target      test what a store can promise
  completion  print the completion script for a shell

Keys and single objects:
  account     make, show, recover by 24 words, set a passphrase
  sector      inspect or restore one sector by itself
  atbak       inspect or decrypt one .atbak object, show the key for ATBU

Everywhere: -v more, -q only problems, --json, --log-file FILE, -h, -V.
DST: a folder or a URL: s3:// gs:// abfs:// sftp:// webdav:// ftp:// smb:// ...
Example: bakup sync ~/Photos s3://my-bucket/photos --exclude '*.tmp'
"""

SHORT = """\
bakup backs up any tree to any store, trusted or not.

  bakup sync ~/Photos /mnt/usb/backup     back up; run again: only what changed
  bakup ls /mnt/usb/backup                see what is there
  bakup restore /mnt/usb/backup OUT       bring it back

bakup --help lists the commands; bakup COMMAND --help explains one.
"""

PLANNED = """\
new               18 files    214 MiB
changed            3 files   41.6 MiB
deleted            2 files   8.10 MiB
unchanged     56,199 files   67.4 GiB
excluded          41 files   1.20 GiB: *.tmp 12, CACHEDIR.TAG 29
  2026/11         18 files    214 MiB
  Catalogue        3 files   41.6 MiB
would store   about 230 MiB in 1 sector, in about 2 s
free          1.69 TiB at /mnt/usb/backup
"""

FIRST = """\
new           56,204 files   67.4 GiB
stored        66.1 GiB in 265 sectors (estimated 65.8 GiB), in 4 min 12 s
check point   3f9c2a1e of laptop:/home/ana/Photos, 2026-11-21 18:40:12
"""

SECOND = """\
new               18 files    214 MiB
changed            3 files   41.6 MiB
deleted            2 files   8.10 MiB, still in earlier check points
unchanged     56,199 files   67.4 GiB
stored        221 MiB in 1 sector (estimated 230 MiB), in 1.9 s
check point   8b1d07c4 of laptop:/home/ana/Photos, 2026-11-22 18:31:05
"""

STORED_AGAIN = """\
stored again       3 files    256 MiB
unchanged     56,217 files   63.3 GiB
stored        256 MiB in 2 sectors (estimated 256 MiB), in 1.6 s
check point   c41a90d7 of laptop:/home/ana/Photos, 2026-11-22 20:11:30
warning: 1 sector was missing at the target; all it held is stored again
"""

WORDS = (
    "legal winner thank year wave sausage worth useful legal winner thank year "
    "wave sausage worth useful legal winner thank year wave sausage worth title"
)

CARD = """\
No account on this computer yet, so here is a new one. These 24 words are the
key to every backup made with it. Write this card on paper; keep it elsewhere.

   1 legal       7 worth      13 wave       19 thank
   2 winner      8 useful     14 sausage    20 year
   3 thank       9 legal      15 worth      21 wave
   4 year       10 winner     16 useful     22 sausage
   5 wave       11 thank      17 legal      23 worth
   6 sausage    12 year       18 winner     24 title

   account      7c41-9e02-b3aa
   target       /mnt/usb/backup
   also needed  nothing: the drive and these words bring everything back

Who has the words can read every backup; who loses them can read none.
"""
