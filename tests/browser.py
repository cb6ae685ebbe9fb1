"""Debian's chromium, driven by Playwright, and the login of Airflow's page.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, :func:`keep_screenshot` writes the pictures of docs/images there.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCREENSHOTS = os.environ.get("CV_DATAOPS_SCREENSHOTS")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (scripts/system-packages installs it, as root on Debian)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: Any) -> Callable[..., Any]:
    """Open a page from its file; fail if it says anything on the console, fails, or asks for anything but itself."""

    @contextmanager
    def opened(uri: str, size: tuple[int, int] = (1360, 900), scheme: str = "light", **options: Any) -> Iterator[Any]:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, offline=True, **options)
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(("data:", uri)) else said.append(f"asks for {request.url}"))
        page.goto(uri)
        yield page
        assert said == []
        context.close()

    return opened


def log_in(page: Any, airflow: Any, user: str = "admin") -> None:
    """Open Airflow's page and log in through its form.

    :param airflow: a ``RealAirflow`` that was started with users.
    """
    page.goto(f"http://localhost:{airflow.port}/")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(airflow.password(user))
    page.get_by_role("button", name="Sign in").click()
    # The way in ends on the home page; whoever goes elsewhere before has that navigation aborted.
    page.get_by_role("link", name="Dags").first.wait_for()


def keep_screenshot(name: str, picture: bytes, *, width: int = 1360) -> None:
    """Write a PNG as ``<name>.webp`` of at most this width, where screenshots are wanted."""
    if SCREENSHOTS is None:
        return
    from PIL import Image

    with Image.open(io.BytesIO(picture)) as image:
        image.thumbnail((width, image.height))
        image.convert("RGB").save(Path(SCREENSHOTS) / f"{name}.webp", quality=82, method=6)
