"""The page in a real headless browser; skipped where there is no Chromium, but for CI."""

import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Browser, Page, async_playwright

from evals.read import Run
from evals.report import page as report
from evals.report.page.clips import Audio
from evals.result import Result
from tests.evals.report.runs import answered, failed, run, weighed
from tests.live import CLIPS

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and os.environ.get("CI") != "true",
    reason="NO CHROMIUM (`make browser`): THE TESTS OF THE PAGE IN A BROWSER DID NOT RUN",
)
CLIP = str(next(iter(sorted(CLIPS.glob("*.flac")))))
PLAYS = """audio => new Promise((resolve, reject) => {
  audio.addEventListener("error", () => reject(audio.error.message));
  audio.addEventListener("timeupdate", () => audio.currentTime > 0.1 && resolve(audio.currentTime));
})"""
HOSTILE = "<img src=x onerror='document.title=1'><script>document.title=2</script>"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Start Chromium once."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


class Opened(msgspec.Struct):
    """A page, and what it did beside being shown: the messages of its console, its requests."""

    page: Page
    messages: list[str] = []
    requests: list[str] = []


async def opened(
    browser: Browser, file: Path, *, width: int = 1400, scheme: str = "light"
) -> Opened:
    """Open *file* and wait for its table."""
    page = await browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    found = Opened(page)
    page.on("console", lambda message: found.messages.append(message.text))
    page.on("pageerror", lambda error: found.messages.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    await page.goto(file.as_uri())
    await page.locator("#table tbody").first.wait_for()
    return found


def speech(folder: Path, number: int, wrong: int, **fields: str) -> Run:
    """Return a run of *number* clips, of which every *wrong*-th has a wrong word."""
    results: list[Result] = [
        answered(
            index,
            f"turn on light {index}",
            f"turn {'off' if index % wrong == 0 else 'on'} light {index}",
            audio=CLIP,
        )
        for index in range(number - 1)
    ]
    return run(folder, [*results, failed(number - 1, HOSTILE, audio=CLIP, **fields)])


async def test_a_page_is_used(browser: Browser, tmp_path: Path) -> None:
    """A reader sorts, filters, turns pages and plays; nothing leaves the page, no text acts."""
    runs = [speech(tmp_path / "a", 150, 10), speech(tmp_path / "b", 150, 3)]
    report.write(runs, tmp_path / "page.html")

    found = await opened(browser, tmp_path / "page.html")
    page, rows = found.page, found.page.locator("#table tbody")
    assert await rows.count() == 100
    assert "the worst first" in await page.inner_text("#count")

    await page.click("text=Next")
    assert await rows.count() == 50

    await page.click("th[data-column=difference-1] button")
    heading = page.locator("th[data-column=difference-1]")
    assert await heading.get_attribute("aria-sort") == "descending"
    assert "+25.0 %" in await rows.first.inner_text()
    await page.keyboard.press("Enter")
    assert await heading.get_attribute("aria-sort") == "ascending"
    assert "-25.0 %" in await rows.first.inner_text()

    await page.select_option("#which", "worse")
    assert await page.inner_text("#count") == "1 to 45 of 45 samples (of 150 in all)"
    await page.fill("#search", "light 3")
    assert await rows.count() == 4
    marked = rows.first.locator(".answer").nth(1)
    assert await marked.locator("del").inner_text() == "on"
    assert await marked.locator("ins").inner_text() == "off"

    await page.fill("#search", "onerror")
    await page.select_option("#which", "failed")
    assert HOSTILE in await rows.first.inner_text()
    await page.click("text=Play")
    assert await page.locator("audio").evaluate(PLAYS) > 0

    assert await page.title() == "task: a, b"
    assert found.messages == []
    assert [url for url in found.requests if not url.startswith("data:")] == [
        (tmp_path / "page.html").as_uri()
    ]
    await page.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
async def test_it_fits(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    """Page and texts are as wide as the window, in the theme of the system."""
    report.write([speech(tmp_path / name, 30, 4) for name in "ab"], tmp_path / "page.html")

    found = await opened(browser, tmp_path / "page.html", width=width, scheme=scheme)

    await found.page.screenshot(path=tmp_path / "page.png")
    assert await found.page.evaluate("document.documentElement.scrollWidth") == width
    box = await found.page.locator(".box").first.bounding_box()
    assert box
    assert box["x"] + box["width"] <= width
    background = await found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 27)"}[scheme]
    assert found.messages == []
    await found.page.close()


@pytest.mark.slow
async def test_two_thousand_samples(browser: Browser, tmp_path: Path) -> None:
    """Of 2,000 samples those of one page are elements; the time to open them is printed."""
    report.write([speech(tmp_path / name, 2000, 4) for name in "ab"], tmp_path / "page.html")

    start = time.perf_counter()
    found = await opened(browser, tmp_path / "page.html")
    print(f"2,000 samples of two runs: {time.perf_counter() - start:.2f} s")  # noqa: T201

    assert await found.page.locator("#table tbody").count() == 100
    assert await found.page.locator("#place").inner_text() == "Page 1 of 20"
    await found.page.close()


@pytest.mark.slow
@pytest.mark.parametrize("audio", ["embed", "link"])
async def test_it_plays(browser: Browser, tmp_path: Path, audio: Audio) -> None:
    """A recording in the page plays, and so does one in a file beside it."""
    report.write([speech(tmp_path / "a", 3, 2)], tmp_path / "page.html", audio=audio)

    found = await opened(browser, tmp_path / "page.html")

    await found.page.click("text=Play >> nth=0")
    assert await found.page.locator("audio").evaluate(PLAYS) > 0
    assert found.messages == []
    await found.page.close()


@pytest.mark.slow
async def test_choices(browser: Browser, tmp_path: Path) -> None:
    """A question with choices shows what each weighs, the target and the answer among them."""
    question = weighed(0, "Which barks?", "dog", {"cat": -0.5, "dog": -1.5})
    report.write([run(tmp_path / "a", [question], scorer="loglikelihood")], tmp_path / "page.html")

    found = await opened(browser, tmp_path / "page.html")

    text = await found.page.locator("#table tbody").first.inner_text()
    assert "Which barks?" in text
    assert "cat answer\t-0.500\t1" in text
    assert "dog target\t-1.500\t1" in text
    await found.page.close()
