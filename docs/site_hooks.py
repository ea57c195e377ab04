"""Add pages from other folders of the checkout to the site, and fix the links to and from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_CHECKOUT: Final = Path(__file__).resolve().parent.parent
_ELSEWHERE: Final = {
    "intents/README.md": "intents-folder.md",
    "bench/RESULTS.md": "results.md",
    "bench/RESULTS-appendix.md": "results-appendix.md",
    "CHANGELOG.md": "changelog.md",
    "packaging/README.md": "packaging.md",
}
"""The name on the site of each page from another folder."""

_LINK: Final = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from other folders."""
    for path, name in _ELSEWHERE.items():
        files.append(File.generated(config, name, abs_src_path=str(_CHECKOUT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page so that they lead to the right places on the site."""
    lies_in = Path(page.file.abs_src_path or _CHECKOUT / "docs" / "page.md").parent

    def to_site(link: re.Match[str]) -> str:
        path = (lies_in / link[2]).resolve()
        if not path.is_relative_to(_CHECKOUT):
            return link[0]
        there = path.relative_to(_CHECKOUT).as_posix()
        return link[1] + _ELSEWHERE.get(there, there.removeprefix("docs/")) + link[3]

    return _LINK.sub(to_site, markdown)
