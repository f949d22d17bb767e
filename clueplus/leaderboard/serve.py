"""`leaderboard serve`: the site on this machine's loopback, built anew when what it is made of has changed."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from clueplus.errors import ClueplusError
from clueplus.leaderboard.build import Built, Options, build
from clueplus.leaderboard.runs import record_paths
from clueplus.records.run import ITEMS_NAME
from clueplus.registry import content_folder

HOST = "127.0.0.1"
_NAMES = frozenset({HOST, "localhost"})

Signature = tuple[tuple[str, int, int], ...]


class LiveSite:
    """A site in a folder of its own that follows its sources.

    Args:
        options: what is built; `out` is replaced.
        folder: where.
    """

    def __init__(self, options: Options, folder: Path) -> None:
        self.root = folder / "site"
        self.built: Built | None = None
        self._options = replace(options, out=self.root)
        self._lock = threading.Lock()
        self._signature: Signature | None = None

    def refresh(self) -> None:
        """Builds the site if a record, a template, the history or the prices changed since the last time.

        Raises:
            ClueplusError: it can't be built; the next request tries again.
        """
        with self._lock:
            now = self._look()
            if now == self._signature:
                return
            self.built = build(self._options)
            self._signature = now

    def _look(self) -> Signature:
        options = self._options
        records = list(record_paths(options.results)) if options.results.is_dir() else []
        files = [*records, *(path.with_name(ITEMS_NAME) for path in records)]
        files += [path for path in sorted(content_folder("leaderboard").rglob("*")) if path.is_file()]
        files += [path for path in (options.history, options.prices) if path]
        return tuple((str(path), *_state(path)) for path in files)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, -1)
    return (found.st_mtime_ns, found.st_size)


@contextmanager
def serving(options: Options, port: int) -> Iterator[tuple[ThreadingHTTPServer, LiveSite]]:
    """A server that is bound and not yet running, and its site, built once.

    Args:
        options: what is built.
        port: 0 takes a free one.

    Raises:
        ClueplusError: the site can't be built, or the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="clueplus-site-") as folder:
        site = LiveSite(options, Path(folder))
        site.refresh()

        class Handler(_Handler):
            live = site

        try:
            server = ThreadingHTTPServer((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            raise ClueplusError(f"--port {port}: {error}", fix="choose another, or 0 for a free one") from error
        with server:
            yield server, site


class _Handler(SimpleHTTPRequestHandler):
    """Files of the site, to browsers on this machine."""

    live: LiveSite

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, directory=str(self.live.root), **kwargs)

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Opens a file of the site as it is now; what GET and HEAD begin with."""
        # A page elsewhere could point a name of its own at 127.0.0.1 and read the site through it.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        if urlsplit(self.path).path.endswith(("/", ".html")):
            try:
                self.live.refresh()
            except ClueplusError as error:
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
                return None
        return super().send_head()

    def _say(self, status: HTTPStatus, text: str) -> None:
        body = text.encode("utf-8", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list_directory(self, path: Any) -> None:
        """A folder has no page."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Nothing is kept, so that a reload shows what is."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class names it
        """Requests are not logged."""
