"""What a browser sees: folders as pages, and as one tar or zip."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, TypeGuard
from urllib.parse import parse_qs, quote

from bakup.archive.bundle import TYPES, Form, stream
from bakup.archive.moments import Folder
from bakup.archive.tree import At, Tree
from bakup.errors import BakupError
from bakup.model import Kind
from bakup.serve.resources import Provider, members, raw, resolved

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1.5rem auto; padding: 0 1rem; max-width: 60rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ padding: .2rem .8rem .2rem 0; text-align: left; overflow-wrap: anywhere }}
td + td, th + th {{ text-align: right; white-space: nowrap; overflow-wrap: normal }}
tr:hover td {{ background: color-mix(in srgb, currentColor 8%, transparent) }}
</style></head><body><h1>{title}</h1><p>{above}</p>
<table><thead><tr><th>name</th><th>size</th><th>modified</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""


class Pages:
    """Answers GET and HEAD of folders; all else goes on to `below`, of other methods only what `methods` has."""

    def __init__(self, provider: Provider, below: Application, methods: frozenset[str] | None) -> None:
        self._tree: Tree = provider.tree
        self._report = provider.report
        self._below = below
        self._methods = methods

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """WSGI (PEP 3333)."""
        method = environ["REQUEST_METHOD"]
        if self._methods is not None and method not in self._methods:
            return _said(start, "405 Method Not Allowed", [("Allow", ", ".join(sorted(self._methods)))])
        if method not in ("GET", "HEAD"):
            return self._below(environ, start)
        path = raw(environ["PATH_INFO"])
        found = resolved(self._tree, path)
        if not _is_folder(found):
            return self._below(environ, start)
        asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        form: Form | None = "tar" if "tar" in asked else "zip" if "zip" in asked else None
        if form is not None:
            return self._bundle(form, path, found, start, method)
        if path and not environ["PATH_INFO"].endswith("/"):
            to = quote(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]) + "/"
            return _said(start, "301 Moved Permanently", [("Location", to)])
        body = self._page(path, found).encode()
        start("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [] if method == "HEAD" else [body]

    def _bundle(self, form: Form, path: bytes, found: Any, start: Start, method: str) -> Iterable[bytes]:
        if not isinstance(found, At):
            return _said(start, "400 Bad Request", text="a folder of one check point can be had as tar or zip")
        top = path.rpartition(b"/")[2]
        name = quote(top + b"." + form.encode())
        start(
            "200 OK", [("Content-Type", TYPES[form]), ("Content-Disposition", f"attachment; filename*=UTF-8''{name}")]
        )
        return [] if method == "HEAD" else self._streamed(form, found, path, top)

    def _streamed(self, form: Form, found: At, path: bytes, top: bytes) -> Iterator[bytes]:
        try:
            yield from filter(None, stream(form, self._tree.contents, found.moment, found.path, top))
        except BakupError as error:
            self._report(path, error)
            raise  # the connection breaks off: nobody takes what came for whole

    def _page(self, path: bytes, found: Folder | At) -> str:
        links = ['<a href="../">up</a>'] if path else []
        if isinstance(found, At):
            links += [f'all of it as <a href="?{form}">{form}</a>' for form in TYPES]
        rows = [_row(name, one) for name, one in members(self._tree, path, found)]
        title = escape("/" + path.decode("utf-8", "replace"))
        return _PAGE.format(title=title, above=" &middot; ".join(links), rows="\n".join(rows))


def _row(name: str, found: Folder | At) -> str:
    size, when = "", ""
    if isinstance(found, At):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.version.attributes.mtime_ns // 10**9))
        size = "" if _is_folder(found) else _size(found.version.size or 0)
    shown = f"{name}/" if _is_folder(found) else name
    return f'<tr><td><a href="{quote(shown)}">{escape(shown)}</a></td><td>{size}</td><td>{when}</td></tr>'


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1024 and unit + 1 < len(_UNITS):
        size, unit = size / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{size:.3g} {_UNITS[unit]}"


def _is_folder(found: Folder | At | None) -> TypeGuard[Folder | At]:
    return isinstance(found, dict) or (isinstance(found, At) and found.version.kind == Kind.DIR)


def _said(start: Start, status: str, headers: list[tuple[str, str]] | None = None, text: str = "") -> list[bytes]:
    body = text.encode()
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start(status, [kind, ("Content-Length", str(len(body))), *(headers or [])])
    return [body]
