"""Numbers that readers and writers agree on (section 2.1), tags, types and flags. Lengths are in bytes."""

from __future__ import annotations

import enum

MAGIC = b"BKUP"
MAGIC_OTHER = b"BKUX"
VERSION = 1
FIRST_READ = 16_384
HEADER_MAX = 65_536
SECTOR_MAX = 34_359_738_368
SEGMENT = 65_536
TAG = 16
BOX_MAX = 16_777_216
ROWS_MAX = 262_144
META_BOXES_MAX = 65_536
CHECKPOINTS_MAX = 1_024
RAW_MAX = 16_777_216
GROUP_MAX = 4_194_304
ENTRIES_MAX = 65_536
CHECKPOINT_MAX = 65_536
CHUNK_MAX = 8_388_608
PATH_MAX = 65_535
NAMES_MAX = 4_096
EXTENTS_MAX = 16_384
LANES = 8_388_608
END_LANE = 16_777_214
LINES_MAX = 4_096
PARTS_MAX = 8_192
WAYS_MAX = 256
OUTSIDE = 2**64 - 1
LANE_SHIFT = 40
"""Bits of an offset below its lane (section 5.1)."""
LANE_LENGTH = 2**40
"""Longest metadata of a lane."""

PACK_TARGET = 4_194_304
SMALL_FILE = 1_048_576
CHUNK_MIN_CUT = 262_144
CHUNK_NOMINAL = 524_288
CHUNK_MAX_CUT = 4_194_304
INCREMENTALS_MAX = 1_000

UUID = 16
DIGEST = 32
KEM_X_WING = 0x647A
KEM_PUBLIC = 1_216
RECIPIENT = 8
SEALED_KEY = 1_176
KEY_CHECK = 32
SIGNER_ID = 32
TARGET_MAX = 4_096
CERTIFICATE_SOURCES_MAX = 1_024
CUT_PATH = 256
MODE_MAX = 0o7777
WINDOW_MAX = 134_217_728

RAW_RATIO = 64
RAW_ALLOWANCE = 67_108_864
"""All GROUPs of a sector unpack to at most RAW_RATIO times its meta length and RAW_ALLOWANCE (section 5.3)."""
KINDS_TO_COME = range(64, 128)
"""Kinds of entries that a reader passes over and names (section 6.3)."""

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
    KEY_CHECK = 0x8004
    SIGNATURE = 0xFFFF


class SignatureId(enum.IntEnum):
    """Kinds of signing keys (section 3.2)."""

    NONE = 0
    ED25519 = 1
    ED25519_ML_DSA_65 = 2


SIGNING_PUBLIC = {SignatureId.NONE: 0, SignatureId.ED25519: 32, SignatureId.ED25519_ML_DSA_65: 1_984}
"""Lengths of public keys."""
SIGNATURES = {SignatureId.NONE: 0, SignatureId.ED25519: 64, SignatureId.ED25519_ML_DSA_65: 3_373}
"""Lengths of signatures."""


class Codec(enum.IntEnum):
    """Bits 0 to 7 of an action's flags (section 5.4)."""

    NONE = 0
    ZSTD = 1


class ActionType(enum.IntEnum):
    """Types of actions (section 5.4)."""

    PACK = 0x8001
    GROUP = 0x8002
    CHECKPOINT = 0x8003
    END = 0x8004
    CHUNKS = 0x8005
    PAD = 0x0005


class RecordType(enum.IntEnum):
    """Types of RECORDs (section 6.6)."""

    REVOKE = 0x8001
    FORGET = 0x8002
    TAGS = 0x0005
