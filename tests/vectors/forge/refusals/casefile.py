"""How a case is written down: a text header, an empty line, and the objects one after another in one zstd frame.

bakup refusal vector 1
rule: R15
name: wrong-ml-dsa-half
refuses: sector
class: untrusted
accepts: plain unsigned
whole: no
released: a.txt 66697273740a
object: sector.bakup 1290
"""

from pathlib import Path

import zstandard

FIRST = "bakup refusal vector 1"


def written(case) -> bytes:
    """The file of a case."""
    lines = [
        FIRST,
        f"rule: {case.rule}",
        f"name: {case.name}",
        f"refuses: {case.refuses}",
        f"class: {case.kind}",
        f"accepts: {' '.join(case.accepts)}".rstrip(),
        f"whole: {'yes' if case.whole else 'no'}",
        *(f"released: {path} {content.hex()}" for path, content in sorted(case.released.items())),
        *(f"object: {name} {len(data)}" for name, data in sorted(case.objects.items())),
    ]
    body = b"".join(data for _, data in sorted(case.objects.items()))
    return "\n".join(lines).encode() + b"\n\n" + zstandard.ZstdCompressor(level=19).compress(body)


def read(path: Path) -> dict:
    """A case: the values of its header, `released` and `objects` as dicts of bytes."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    assert first == FIRST, path
    pairs = [line.partition(":")[::2] for line in lines]
    case = {name: value.strip() for name, value in pairs if name not in ("released", "object")}
    data, at = zstandard.ZstdDecompressor().decompress(body), 0
    released = [value.strip().rpartition(" ") for name, value in pairs if name == "released"]
    case["released"] = {name: bytes.fromhex(digits) for name, _, digits in released}
    case["objects"] = {}
    for name, _, length in (value.strip().rpartition(" ") for key, value in pairs if key == "object"):
        case["objects"][name] = data[at : at + int(length)]
        at += int(length)
    assert at == len(data), path
    return case
