"""Numbers that readers and writers agree on (section 2.1), tags, types and flags. Lengths are in bytes."""

from __future__ import annotations

import enum

MAGIC = b"BKUP"
VERSION = 1
FIRST_READ = 4_096
HEADER_MAX = 65_536
SECTOR_MAX = 34_359_738_368
SEGMENT = 65_536
TAG = 16
BOX_MAX = 16_777_216
RAW_MAX = 16_777_216
GROUP_MAX = 4_194_304
CHUNK_MAX = 8_388_608
PATH_MAX = 1_048_576
EXTENTS_MAX = 16_384
OUTSIDE = 2**64 - 1
OFFSET_MAX = 2**63 - 1
"""Greatest offset or length, but for `OUTSIDE` (section 2)."""

PACK_TARGET = 4_194_304
SMALL_FILE = 1_048_576
CHUNK_MIN_CUT = 262_144
CHUNK_NOMINAL = 524_288
CHUNK_MAX_CUT = 4_194_304

UUID = 16
DIGEST = 32
KEM_X_WING = 0x647A
KEM_PUBLIC = 1_216
SIGNATURE_ED25519 = 1
SIGNING_PUBLIC = 32
SIGNATURE = 64
SEALED_KEY = 1_168
TARGET_MAX = 4_096
CERTIFICATE_SOURCES_MAX = 1_024
CUT_PATH = 256
MODE_MAX = 0o7777
WINDOW_MAX = 134_217_728

MUST_UNDERSTAND = 0x8000
"""Bit 15 of a tag or type: a reader that does not know it refuses."""


class SectorFlag(enum.IntFlag):
    """Flags of the header (section 4.1)."""

    ENCRYPTED = 1
    SIGNED = 2


class Tag(enum.IntEnum):
    """Fields of the header (section 4.1)."""

    TARGET = 0x0001
    PUBLIC_KEY = 0x8001
    ENCRYPTED_KEY = 0x8002
    CERTIFICATE = 0x8003
    SIGNATURE = 0xFFFF


class ActionFlag(enum.IntFlag):
    """Flags of an action (section 5.4)."""

    COMPRESSED = 1


class ActionType(enum.IntEnum):
    """Types of actions (section 5.4)."""

    PACK = 0x8001
    GROUP = 0x8002
    CHECKPOINT = 0x8003
    END = 0x8004
    PAD = 0x0005


class RecordType(enum.IntEnum):
    """Types of RECORDs (section 6.6)."""

    REVOKE = 0x8001
    FORGET = 0x0002
