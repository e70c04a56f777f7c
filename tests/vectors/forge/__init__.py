"""A forge of sectors, made from docs/format/sector.md alone: it writes good ones, and any wrong one.

It imports nothing of bakup. Numbers like 5.3 are sections of that page.

    from tests.vectors.forge import Account, CheckPoint, Sector, entries as e

    account = Account()                          # the words of section 10; Account(bytes(32)) is another one
    sector = Sector(account)                     # encrypted and signed by the account
    cp = CheckPoint(account, source=b"S" * 16)   # its signer is the account
    new = cp.pack(sector, [b"hello\\n"])          # a data box with one PACK; gives the extents of its chunks
    cp.group(sector, [e.directory(b""), e.file(b"hello.txt", new)])     # a box of lane 0 with one GROUP
    cp.end(sector)                               # END: lines, lanes and digests are computed
    (folder / "a.bakup").write_bytes(sector.bytes())

- Several sectors: give `group` and `pack` another sector; `end` stands in the last and names all of them.
  Several lanes: `group(..., lane=1)`. Several END parts: `end(sector, last=False)` takes the lines of what is there
  so far and in no part before, `end(..., sectors=[...], lanes=[...])` just those.
- A chain: `CheckPoint(account, source, previous=cp, incremental=True)`; `replaces=cp`; RECORDs with `e.revoke`,
  `e.forget`. In a long chain ask each check point for its `digest()` before the next is made.
- A writer: `writer = Writer(account, sources=[...])`, `Sector(account, writer)`, `CheckPoint(writer, source)`;
  `Writer(..., signature_id=1)` has an Ed25519 key alone. `Sector(account, None)` is not signed, `encrypted=False`
  plain; both of these together belong to no account.
- Other recipients: `Sector(account, recipients=[other, account])`.
- Copies: `other.open(cp)` puts the CHECKPOINT into another sector, `other.meta.append(box)` the same box.
- Boxes of the sector itself: `sector.pad(n)` (data region), `sector.pad_meta(n)`, `sector.keep(chunks)` (a PACK;
  gives the number of its row), `sector.chunks([[row, [[id, length, offset], ...]], ...])`.

Nothing is encoded before bytes or digests are asked for: until then everything can be changed, and what follows from
it (offsets, tables, digests, END, signatures) follows. After that it stays as it is. How to make things wrong, from
inside out:

- Entries, extents and structures are plain lists: change, add, drop elements. `Raw(b"...")` in them is put verbatim.
- An `Action` has `flags`, `path`, `path_length`, `kind`, `length`, `raw` (raw length of PACK and GROUP) and `body`
  (content instead of what it would be). `edit` is called with its structure, a list, to change in place (CHECKPOINT,
  END, CHUNKS, GROUP); `encode` with the encoded structure, `frame` with the zstd frame: they return another.
- A `Box` has `uuid`, `offset`, `length`, `actions`, `content` (bytes instead of the actions); in the data region also
  `row`: [uuid, offset, content length, position, raw length], each None where it is as it should be.
- A `CheckPoint` has `values` (elements of CHECKPOINT by name), `header` (its box), `lanes` ({lane: boxes}), `ends` (the
  actions of its END parts).
- A `Sector` has `uuid`, `key`, `target`, lists `data` and `meta` of boxes, `padding`, and `hook(stage, function)`: a
  function takes what the stage makes and returns another. Stages, in order: "rows" (list of rows of the table), "table"
  (its bytes with the table length), "data", "data stored", "meta", "meta stored" (a region's plaintext, and as it is
  stored), "fields" (list of [tag, value], signature excluded), "values" (dict of the header's first 110 bytes),
  "message" (the header without the signature's value, before it is signed), "signature", "object" (all bytes; header
  digests do not know of it).
- `Writer.certificate` is bytes; `Writer.certify(...)` makes one with any field wrong.
- `sign(message)` of a signer may be replaced.

`digest()` of a check point, `header_digest()` of a sector, `signer_id` of a signer give what names them.
"""

from tests.vectors.forge import entries
from tests.vectors.forge.keys import Account, Writer
from tests.vectors.forge.msgpack import Raw, packed
from tests.vectors.forge.points import CheckPoint
from tests.vectors.forge.sectors import OUTSIDE, Action, Box, Sector

__all__ = ["OUTSIDE", "Account", "Action", "Box", "CheckPoint", "Raw", "Sector", "Writer", "entries", "packed"]
