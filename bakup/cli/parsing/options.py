"""Options that commands share, in groups; each has a variable, `BAKUP_` and its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bakup.cli.output import numbers
from bakup.errors import Usage

if TYPE_CHECKING:
    from bakup.api.reports import Compression, TargetOptions

EVERYWHERE = "Everywhere"
TARGET = "Target"
WHAT = "What is backed up"
HOW = "How"
WHICH = "Which check point"

_SECTOR_MAX = 32 * 1024**3
_SECTOR_MIN = 16 * 1024**2
_LEVELS = range(-7, 23)
DEFAULT_LEVEL = 2
DEFAULT_GZIP = 4

Parse = Callable[[str], Any]


def option(
    *names: str,
    help: str,
    group: str,
    metavar: str | None = None,
    parse: Parse | None = None,
    many: bool = False,
) -> Any:
    """An option with its variable; `parse` raises ValueError with a message that says what is wrong."""
    variable = variable_of(names)
    if many:
        callback: Callable[[Any], Any] | None = _many(variable)
    else:
        callback = None if parse is None else _one(names[-1], parse)
    return typer.Option(
        *names,
        help=help,
        metavar=metavar,
        rich_help_panel=group,
        envvar=None if many else variable,
        callback=callback,
        show_default=False,
    )


def counted(*names: str, help: str, group: str) -> Any:
    """A flag that counts how often it is given."""
    variable = variable_of(names)
    return typer.Option(*names, help=help, rich_help_panel=group, envvar=variable, count=True, show_default=False)


def habit(*names: str) -> Any:
    """Flags typed by habit whose meaning bakup always does: accepted, and not in the help."""
    return typer.Option(*names, hidden=True)


def argument(metavar: str) -> Any:
    """An argument with its name in the usage line."""
    return typer.Argument(metavar=metavar, show_default=False)


def variable_of(names: tuple[str, ...]) -> str:
    """The variable of an option: `BAKUP_SECTOR_SIZE` of `--sector-size`."""
    return "BAKUP_" + names[-1].lstrip("-").replace("-", "_").upper()


def read_compression(text: str) -> Compression:
    """`zstd:LEVEL`, `gzip:LEVEL` or `none`. Raises ValueError."""
    from bakup.api.reports import Compression

    kind, _, level = text.partition(":")
    if text == "none":
        return Compression("none")
    if kind == "zstd":
        return Compression("zstd", _number(level or str(DEFAULT_LEVEL), _LEVELS[0], _LEVELS[-1]))
    if kind == "gzip":
        return Compression("gzip", _number(level or str(DEFAULT_GZIP), 1, 9))
    raise ValueError(f"not a compression: {text}; zstd:LEVEL, gzip:LEVEL or none")


def read_layout(text: str) -> str:
    """`sectors` or `atbak`. Raises ValueError."""
    if text not in ("sectors", "atbak"):
        raise ValueError(f"not a layout: {text}; sectors or atbak")
    return text


def read_sector_size(text: str) -> int:
    """A sector's size in bytes, 16 MiB to 32 GiB. Raises ValueError."""
    found = numbers.read_size(text)
    if not _SECTOR_MIN <= found <= _SECTOR_MAX:
        raise ValueError(f"not between 16MiB and 32GiB: {text}")
    return found


def _workers(text: str) -> int:
    return _number(text, 1, 256)


def _number(text: str, least: int, most: int) -> int:
    digits = text.strip()
    if not digits.removeprefix("-").isdecimal() or not least <= int(digits) <= most:
        raise ValueError(f"not a number between {least} and {most}: {text}")
    return int(digits)


@dataclass(frozen=True)
class Everywhere:
    """Options of every command."""

    verbose: Annotated[
        int,
        counted("-v", "--verbose", help="a line a path and a sector; -vv: requests too", group=EVERYWHERE),
    ] = 0
    quiet: Annotated[bool, option("-q", "--quiet", help="only problems", group=EVERYWHERE)] = False
    json: Annotated[bool, option("--json", help="standard output is JSON, one object a line", group=EVERYWHERE)] = False
    bytes: Annotated[bool, option("--bytes", help="exact numbers of bytes", group=EVERYWHERE)] = False
    log_file: Annotated[
        str | None, option("--log-file", metavar="FILE", help="append what happens to FILE", group=EVERYWHERE)
    ] = None
    lock_wait: Annotated[
        float,
        option(
            "--lock-wait",
            metavar="TIME",
            parse=numbers.read_duration,
            help="wait so long for another run to end (1min)",
            group=EVERYWHERE,
        ),
    ] = 60.0
    passphrase_command: Annotated[
        str | None,
        option(
            "--passphrase-command",
            metavar="CMD",
            help="a program that prints the account's passphrase",
            group=EVERYWHERE,
        ),
    ] = None


@dataclass(frozen=True)
class WithTarget:
    """Options of every command with a DST."""

    accept_plain: Annotated[
        bool, option("--accept-plain", help="believe sectors that are not encrypted", group=TARGET)
    ] = False
    accept_unsigned: Annotated[
        bool, option("--accept-unsigned", help="believe sectors that nobody signed", group=TARGET)
    ] = False
    parallel: Annotated[
        int | None,
        option(
            "--parallel",
            metavar="N",
            parse=_workers,
            help="so many sectors up, and ranges down, at once",
            group=TARGET,
        ),
    ] = None
    store_option: Annotated[
        list[str] | None,
        option(
            "--store-option",
            metavar="K=V",
            many=True,
            help="for the store's library (K=@FILE: from a file, K=env:NAME)",
            group=TARGET,
        ),
    ] = None
    limit_upload: Annotated[
        int | None,
        option(
            "--limit-upload",
            metavar="RATE",
            parse=numbers.read_rate,
            help="at most so much a second (KiB, or 2MiB)",
            group=TARGET,
        ),
    ] = None
    limit_download: Annotated[
        int | None,
        option(
            "--limit-download",
            metavar="RATE",
            parse=numbers.read_rate,
            help="at most so much a second (KiB, or 2MiB)",
            group=TARGET,
        ),
    ] = None
    retry_for: Annotated[
        float,
        option(
            "--retry-for",
            metavar="TIME",
            parse=numbers.read_duration,
            help="wait so long for a store that is silent (10min)",
            group=TARGET,
        ),
    ] = 600.0

    key_file: Annotated[
        str | None,
        option("--key-file", metavar="FILE", help="the key of .atbake objects, 64 hex digits in FILE", group=TARGET),
    ] = None

    def options(self) -> TargetOptions:
        """As flows take them. Raises Usage for a store option that cannot be read."""
        from bakup.api.reports import TargetOptions
        from bakup.store.url.options import read_words

        return TargetOptions(
            accept_plain=self.accept_plain,
            accept_unsigned=self.accept_unsigned,
            parallel=self.parallel,
            key_file=self.key_file,
            store=read_words(self.store_option or ()),
            upload=self.limit_upload,
            download=self.limit_download,
            retry_for=self.retry_for,
        )


@dataclass(frozen=True)
class Keeping:
    """How much of what was read stays here, for commands that stay."""

    cache: Annotated[
        int | None,
        option(
            "--cache",
            metavar="SIZE",
            parse=numbers.read_size,
            help="keep so much of what was read on disk, as it is stored",
            group=TARGET,
        ),
    ] = None

    def with_cache(self, options: TargetOptions) -> TargetOptions:
        """Options of a target, and this."""
        return replace(options, cache=self.cache)


@dataclass(frozen=True)
class What:
    """What of a source is backed up."""

    exclude: Annotated[
        list[str] | None,
        option(
            "--exclude",
            metavar="P",
            many=True,
            help="leave out what P matches (gitignore syntax)",
            group=WHAT,
        ),
    ] = None
    include: Annotated[
        list[str] | None,
        option("--include", metavar="P", many=True, help="an exception to what is left out", group=WHAT),
    ] = None
    iexclude: Annotated[
        list[str] | None,
        option("--iexclude", metavar="P", many=True, help="as --exclude, whatever the case of letters", group=WHAT),
    ] = None
    exclude_if_present: Annotated[
        list[str] | None,
        option(
            "--exclude-if-present",
            metavar="NAME",
            many=True,
            help="of folders with a file NAME keep that file alone",
            group=WHAT,
        ),
    ] = None
    exclude_from: Annotated[
        list[str] | None,
        option("--exclude-from", metavar="FILE", many=True, help="patterns from FILE, one a line", group=WHAT),
    ] = None
    files_from: Annotated[
        list[str] | None,
        option(
            "--files-from",
            metavar="FILE",
            many=True,
            help="only the paths in FILE (-: standard input)",
            group=WHAT,
        ),
    ] = None
    from0: Annotated[bool, option("-0", "--from0", help="paths in FILE end with a zero byte", group=WHAT)] = False
    exclude_larger_than: Annotated[
        int | None,
        option(
            "--exclude-larger-than",
            metavar="SIZE",
            parse=numbers.read_size,
            help="leave out files larger than SIZE",
            group=WHAT,
        ),
    ] = None
    exclude_caches: Annotated[
        bool, option("--exclude-caches", help="leave out folders with a CACHEDIR.TAG", group=WHAT)
    ] = False
    one_file_system: Annotated[
        bool, option("-x", "--one-file-system", help="stay on SRC's own file system", group=WHAT)
    ] = False

    source_option: Annotated[
        list[str] | None,
        option(
            "--source-option",
            metavar="K=V",
            many=True,
            help="for the library of the store that SRC is in (else --store-option)",
            group=WHAT,
        ),
    ] = None


@dataclass(frozen=True)
class How:
    """How it is stored."""

    checksum: Annotated[
        bool, option("-c", "--checksum", help="read every file; trust no size and no time", group=HOW)
    ] = False
    ignore_inode: Annotated[
        bool,
        option("--ignore-inode", help="files of the same size and time are the same, whatever their inodes", group=HOW),
    ] = False
    strict: Annotated[bool, option("--strict", help="exit 3 also for files that changed while read", group=HOW)] = False
    name: Annotated[
        str, option("--name", metavar="NAME", help="the source's name instead of host and path", group=HOW)
    ] = ""
    tag: Annotated[
        list[str] | None, option("--tag", metavar="TAG", many=True, help="tag the check point", group=HOW)
    ] = None
    new_target: Annotated[bool, option("--new-target", help="DST is a new target, empty or not", group=HOW)] = False
    allow_empty: Annotated[
        bool, option("--allow-empty", help="nothing is left of SRC, and that is right", group=HOW)
    ] = False
    always: Annotated[bool, option("--always", help="make a check point even when nothing changed", group=HOW)] = False
    standalone: Annotated[
        bool, option("--standalone", help="store all again; refer to no earlier sector", group=HOW)
    ] = False
    layout: Annotated[
        str | None,
        option(
            "--layout",
            metavar="KIND",
            parse=read_layout,
            help="of a new DST: sectors, or atbak (a file an object, as ATBU has it)",
            group=HOW,
        ),
    ] = None
    compression: Annotated[
        str | None,
        option(
            "--compression",
            metavar="KIND",
            parse=read_compression,
            help="zstd:LEVEL (zstd:2), for atbak gzip:LEVEL (gzip:4), or none",
            group=HOW,
        ),
    ] = None
    sector_size: Annotated[
        int | None,
        option(
            "--sector-size",
            metavar="SIZE",
            parse=read_sector_size,
            help="close sectors at SIZE (256MiB; at most 32GiB)",
            group=HOW,
        ),
    ] = None
    pad: Annotated[bool, option("--pad", help="fill every sector up to hide its real size", group=HOW)] = False
    spool: Annotated[
        str | None,
        option("--spool", metavar="DIR", help="build sectors in DIR, not at DST or in BAKUP_HOME", group=HOW),
    ] = None
    workers: Annotated[
        int | None,
        option(
            "--workers",
            metavar="N",
            parse=_workers,
            help="store many files with N processes (as many as there are processors)",
            group=HOW,
        ),
    ] = None
    no_encrypt: Annotated[bool, option("--no-encrypt", help="whoever sees DST can read it", group=HOW)] = False
    no_sign: Annotated[bool, option("--no-sign", help="whoever writes DST can forge it", group=HOW)] = False


Source = Annotated[
    str | None,
    option("--source", metavar="NAME", help="of this source; the end of its path is enough", group=WHICH),
]
At = Annotated[
    str | None,
    option(
        "--at",
        metavar="WHEN",
        help="latest, latest~1, the first digits of an id, a time or a date (latest)",
        group=WHICH,
    ),
]


def _one(name: str, parse: Parse) -> Callable[[Any], Any]:
    def callback(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            raise Usage(f"{name}: {error}", code="usage") from None

    return callback


def _many(variable: str) -> Callable[[Any], Any]:
    """Values of an option that may stand several times; in its variable one a line."""

    def callback(value: Any) -> list[str]:
        return list(value) if value else os.environ.get(variable, "").splitlines()

    return callback
