"""What the pages list by which web servers show a folder: Apache, nginx, lighttpd, rclone, Python and others."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin, urlsplit


def names(page: str, url: str) -> Iterator[str]:
    """Names that the links of a page lead to below its own URL, folders with a slash at the end, each once.

    What a link shows is passed over, since servers cut it; so are links up, elsewhere, and those with a query, which
    sort the page. A name that is no UTF-8 has surrogates.
    """
    found = _Links()
    found.feed(page)
    folder = url.partition("?")[0].rstrip("/") + "/"
    here = urlsplit(folder)
    below = dict.fromkeys(
        there.path.removeprefix(here.path)
        for there in map(urlsplit, (urljoin(folder, link) for link in found.links))
        if there.netloc == here.netloc and not there.query and there.path.startswith(here.path)
    )
    folders = {name for name in below if name.endswith("/")}
    for name in below:
        above, _, last = name.rstrip("/").rpartition("/")
        if last and f"{above.partition('/')[0]}/" not in folders:
            yield unquote_to_bytes(name).decode("utf-8", "surrogateescape")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += (value.strip() for name, value in attrs if name == "href" and value)
