"""gitignore patterns, on raw bytes, with what a walk of a tree needs to know of them.

pathspec turns each pattern into a regular expression. Patterns without a slash look at the name alone, the
others at the path; each sort is joined to one expression, so a path that no pattern matches, as nearly all,
costs two calls however many patterns there are.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from bakup.errors import Usage

_DIR_MARK = b"(?P<ps_d>/)"
_ANY_PARENT = b"^(?:.+/)?"
_ANY_DEPTH = b"**"

_BRACKET = re.compile(rb"\\.|\[[!^]?\]?(?:\[:[a-z]+:\]|[^\]])*\]", re.DOTALL)
_CLASS = re.compile(rb"\[:([a-z]+):\]")
_CLASSES = {
    b"alnum": b"0-9A-Za-z",
    b"alpha": b"A-Za-z",
    b"blank": b" \t",
    b"cntrl": b"\x01-\x1f\x7f",
    b"digit": b"0-9",
    b"graph": b"0-~!-.",
    b"lower": b"a-z",
    b"print": b" -.0-~",
    b"punct": b":-@[-`{-~!-.",
    b"space": b" \t-\r",
    b"upper": b"A-Z",
    b"xdigit": b"0-9A-Fa-f",
}
"""POSIX classes as ranges; none has a slash, which no bracket expression of gitignore matches."""

_Way: TypeAlias = tuple[re.Pattern[bytes] | None, ...]


class _Rule(NamedTuple):
    """One pattern.

    `place`: among all; `names`: it looks at the name alone; `way`: for `reaches`; `folded`: whatever the case.
    """

    place: int
    exception: bool
    names: bool
    own: re.Pattern[bytes]
    way: _Way
    folded: bool

    def matches(self, path: bytes, name: bytes) -> bool:
        """Whether it is about this very path; both end in a slash for a folder."""
        judged = name if self.names else path
        return bool(self.own.fullmatch(_folded(judged) if self.folded else judged))


class Patterns:
    """Patterns in order; later ones win.

    Args:
        lines: as in a .gitignore file at the source's root; empty ones and comments say nothing.
        roots: names of that root; a pattern that begins with one is anchored there.
        folded: so many of the first lines know no difference of case.

    Raises:
        Usage: a line that is no pattern.
    """

    def __init__(self, lines: Sequence[str], roots: Sequence[bytes] = (), folded: int = 0) -> None:
        self.lines = tuple(lines)
        rules = [rule for index, line in enumerate(lines) if (rule := _rule(index, line, roots, index < folded))]
        self._judging = {rule.place for rule in rules}
        self._matched: set[int] = set()
        self._names = _Joined([rule for rule in rules if rule.names and not rule.folded])
        self._paths = _Joined([rule for rule in rules if not rule.names and not rule.folded])
        self._folded = [rule for rule in rules if rule.folded][::-1]
        self._exceptions = {rule.place for rule in rules if rule.exception}
        self._inside = [rule for rule in rules if rule.way or not rule.exception][::-1]

    def __bool__(self) -> bool:
        return bool(self._inside)

    @property
    def unmatched(self) -> list[str]:
        """Lines that matched no path so far."""
        return [self.lines[place] for place in sorted(self._judging - self._matched)]

    def excluder(self, path: bytes, name: bytes, folder: bool) -> int | None:
        """Index of the pattern that excludes a path, None if it is kept; for a path in no excluded folder.

        Args:
            path: below the root.
            name: its last part.
            folder: whether it is one.
        """
        if folder:
            path, name = path + b"/", name + b"/"
        last = max(self._names.last(path, name), self._paths.last(path, name))
        if last < 0 and self._folded:
            last = next((rule.place for rule in self._folded if rule.matches(path, name)), -1)
        if last < 0:
            return None
        self._matched.add(last)
        return None if last in self._exceptions else last

    def excluder_inside(self, path: bytes, name: bytes, folder: bool, outer: int) -> int | None:
        """The same for a path in a folder that `outer` excludes: only exceptions that reach in bring it
        back."""
        if folder:
            path, name = path + b"/", name + b"/"
        for rule in self._inside:
            if rule.place > outer and rule.matches(path, name):
                self._matched.add(rule.place)
                return None if rule.exception else rule.place
        return outer

    def reaches(self, folder: bytes, outer: int) -> bool:
        """Whether an exception later than the pattern `outer` names something that may be below the folder.

        Only exceptions that begin with a folder's name do: `!/var/keep.txt`, not `!keep.txt`, `!**/keep.txt`.
        git knows no such exceptions: what is in an excluded folder is out. A backup rather keeps too much.
        """
        parts = folder.split(b"/")
        return any(rule.place > outer and _may_lie_below(parts, rule.way) for rule in self._inside if rule.way)


class _Joined:
    """Rules of one sort, and one expression that matches what any of them does."""

    def __init__(self, rules: list[_Rule]) -> None:
        self._latest_first = rules[::-1]
        self._names = bool(rules) and rules[0].names
        self._any = _compile(b"|".join(b"(?:%s)" % rule.own.pattern for rule in rules)).fullmatch

    def last(self, path: bytes, name: bytes) -> int:
        """Index of the last rule that matches, -1 for none."""
        if not self._latest_first or not self._any(name if self._names else path):
            return -1
        return next(rule.place for rule in self._latest_first if rule.matches(path, name))


def _rule(index: int, line: str, roots: Sequence[bytes], folded: bool) -> _Rule | None:
    from pathspec.patterns.gitignore.base import GitIgnorePatternError

    raw = _BRACKET.sub(_with_ranges, _anchored(os.fsencode(line), roots))
    raw = _folded(raw) if folded else raw
    try:
        pattern, excludes = _expression(raw)
        if pattern is None:
            return None
        parts = _parts(raw)
        if not parts:  # the root itself, about which there is nothing to say
            return None
        names = len(parts) == 1 and not raw.removeprefix(b"!").startswith(b"/")
        own = _compile(_own(pattern, parts, raw.rstrip().endswith(b"/")))
        way = () if excludes or names else _way(parts)
    except (GitIgnorePatternError, re.error) as error:
        raise Usage(f"not a pattern: {line}", code="bad-pattern") from error
    return _Rule(index, not excludes, names, own, way, folded)


def _anchored(line: bytes, roots: Sequence[bytes]) -> bytes:
    """A pattern with its path as from the root on, if it begins with a name of that, or with `./`."""
    mark = b"!" if line.startswith(b"!") else b""
    path = line.removeprefix(mark)
    for root in (*roots, b"."):
        if path.startswith(root.rstrip(b"/") + b"/"):
            return mark + path[len(root.rstrip(b"/")) :]
    return line


def _with_ranges(found: re.Match[bytes]) -> bytes:
    """A bracket expression whose POSIX classes are ranges."""
    return found[0][:1] + _CLASS.sub(lambda name: _CLASSES.get(name[1], name[0]), found[0][1:])


def _folded(path: bytes) -> bytes:
    return path.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape")


def _expression(pattern: bytes) -> tuple[bytes | None, bool | None]:
    """Its regular expression, and whether it excludes; None for what says nothing."""
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    expression: tuple[bytes | None, bool | None] = GitIgnoreSpecPattern.pattern_to_regex(pattern)
    return expression


def _parts(line: bytes) -> list[bytes]:
    return [part for part in line.rstrip().removeprefix(b"!").split(b"/") if part]


def _own(pattern: bytes, parts: list[bytes], folders: bool) -> bytes:
    """The expression that matches, whole, the pattern's own paths; pathspec's also finds what is below."""
    pattern = pattern.replace(_DIR_MARK, b"/").removeprefix(_ANY_PARENT if len(parts) == 1 else b"")
    if pattern == b".":
        return b".+"
    if pattern == b"/":
        return b".*/" if folders else b".+/.+"
    if len(parts) > 1 and parts[-1] == _ANY_DEPTH:
        return pattern + (b".+/" if folders else b".+")
    return pattern


def _way(parts: list[bytes]) -> _Way:
    """One expression for each part of a pattern that names a path, None for `**` and the end of it."""
    if parts[0] == _ANY_DEPTH:
        return ()
    deep = parts.index(_ANY_DEPTH) if _ANY_DEPTH in parts else len(parts)
    way: list[re.Pattern[bytes] | None] = [_part(part) for part in parts[:deep]]
    return (*way, None) if deep < len(parts) else tuple(way)


def _part(part: bytes) -> re.Pattern[bytes]:
    pattern, _ = _expression(b"/" + part)
    return _compile((pattern or b"(?!)").replace(_DIR_MARK, b"/"))


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # sets in sets, which gitignore has none of
        return re.compile(pattern, re.DOTALL)


def _may_lie_below(parts: list[bytes], way: _Way) -> bool:
    for part, expected in zip(parts, way, strict=False):
        if expected is None:
            return True
        if not expected.fullmatch(part):
            return False
    return len(way) > len(parts)
