"""A real browser for tests of pages: Debian's Chromium, headless, without a network."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "CLUEPLUS_REQUIRE_BROWSER"
AXE = "CLUEPLUS_AXE"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def browser_missing() -> str | None:
    """Why there is no browser to test with; None when there is one."""
    if not (shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")):
        return "no chromium on the PATH: apt-get install chromium"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install playwright"
    return None


def axe_script() -> Path | None:
    """axe-core's script: where the variable says, or in a node_modules folder beside or above the checkout."""
    named = os.environ.get(AXE)
    root = Path(__file__).resolve().parents[2]
    folders = [root / ".venv", root, root.parent]
    places = [Path(named)] if named else [folder / "node_modules/axe-core/axe.min.js" for folder in folders]
    return next((place for place in places if place.is_file()), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; a test without one is skipped, or fails where the browser is required."""
    missing = browser_missing()
    if missing:
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watched_page(browser: Any, **options: Any) -> Iterator[Any]:
    """A page that may say nothing on the console and ask for nothing but files; both are checked at the end."""
    context = browser.new_context(**options)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield page
    cookies = context.cookies()
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith("file://")] == []
    assert cookies == []
