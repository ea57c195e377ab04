"""The documentation website builds without warnings and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.support.browser import launched
from tests.support.patience import PATIENCE_SECONDS
from tests.support.programs import environment
from tests.support.sound import CHECKOUT

pytestmark = pytest.mark.slow

LOADED = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")
IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")
PICTURES = sorted((CHECKOUT / "docs").glob("*.svg"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the pages, built as by `make docs`."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=CHECKOUT, env=environment(NO_MKDOCS_2_WARNING="1"), capture_output=True, text=True, check=False,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder


class _Quietly(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        """Log nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Yield the address of the pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quietly, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = launched(playwright)
        page = browser.new_page()
        page.set_default_timeout(1_000 * PATIENCE_SECONDS)
        yield page
        browser.close()


def test_every_page_of_the_folder_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (CHECKOUT / "docs").glob("*.md")} | {"intents-folder", "results", "changelog"}
    assert {path.stem for path in site.glob("*.html")} >= pages


def test_no_page_or_style_loads_anything_from_elsewhere(site: Path) -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in site.glob("**/*.html"))
    styles = "".join(path.read_text(encoding="utf-8") for path in site.glob("**/*.css"))
    assert LOADED.findall(pages) == []
    assert IN_STYLE.findall(pages + styles) == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_loads_nothing_and_has_a_title(picture: Path) -> None:
    drawn = picture.read_text(encoding="utf-8")
    assert "<title" in drawn
    assert re.findall(r"https?://\S+", drawn.replace("http://www.w3.org/2000/svg", "")) == []


def test_a_browser_sends_no_requests_to_other_hosts(address: str, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index", "guide", "how-it-works", "web"):
        page.goto(f"{address}/{name}.html")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")
    page.get_by_placeholder("Search").click()
    page.get_by_placeholder("Search").press_sequentially("headset")
    page.get_by_text("Loudspeaker and headset").first.wait_for()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_pictures_are_drawn_by_the_program(tmp_path: Path) -> None:
    script = CHECKOUT / "docs" / "make_pictures.py"
    subprocess.run([sys.executable, script, tmp_path], env=environment(), check=True, timeout=PATIENCE_SECONDS)
    for name in ("guide.svg", "guide-wide.svg", "tester.svg"):
        drawn = (tmp_path / name).read_text(encoding="utf-8")
        assert words_of(drawn) == words_of((CHECKOUT / "docs" / name).read_text(encoding="utf-8"))


def words_of(picture: str) -> list[str]:
    """Return the words in a picture, without the scores of runners-up, which change with every training."""
    texts = re.findall(r">([^<>]+)</text>", picture)
    return [re.sub(r"[\d.]+", "", text).replace("&#160;", " ").strip() for text in texts]
