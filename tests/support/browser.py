"""This machine's browser, run headless."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.support.patience import PATIENCE_SECONDS

expect.set_options(timeout=1_000 * PATIENCE_SECONDS)


def launched(playwright: Playwright, *arguments: str) -> Browser:
    """Start the browser. If there is none, skip the test; in CI, fail."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("CI must look at the page: chromium is not installed")
        pytest.skip("chromium is not installed")
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return playwright.chromium.launch(executable_path=chromium, args=[*arguments, *sandbox])
