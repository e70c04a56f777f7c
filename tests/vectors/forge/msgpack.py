"""MessagePack, as section 6 has it: arrays, integers, bin, str, nil, bool, each in its shortest encoding."""

import struct


class Raw(bytes):
    """Bytes that stand for themselves, to write what should not be."""


def packed(value):
    if isinstance(value, Raw):
        return bytes(value)
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, bytes):
        return _sized(len(value), 0xC4, 0xC5, 0xC6) + value
    if isinstance(value, str):
        text = value.encode()
        return (bytes([0xA0 | len(text)]) if len(text) < 32 else _sized(len(text), 0xD9, 0xDA, 0xDB)) + text
    head = bytes([0x90 | len(value)]) if len(value) < 16 else _sized(len(value), None, 0xDC, 0xDD)
    return head + b"".join(map(packed, value))


def _integer(value):
    if -32 <= value < 128:
        return struct.pack("b", value)
    codes = b"\xcc\xcd\xce\xcf" if value > 0 else b"\xd0\xd1\xd2\xd3"
    for code, form in zip(codes, "BHIQ" if value > 0 else "bhiq", strict=True):
        try:
            return bytes([code]) + struct.pack(">" + form, value)
        except struct.error:
            continue
    raise ValueError(value)


def _sized(length, *codes):
    for code, form, limit in zip(codes, (">B", ">H", ">I"), (1 << 8, 1 << 16, 1 << 32), strict=True):
        if code and length < limit:
            return bytes([code]) + struct.pack(form, length)
    raise ValueError(length)
