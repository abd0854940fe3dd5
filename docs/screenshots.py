"""Take the screenshots in docs/images: each tab of the studio, wide and narrow, with real work in it.

    python docs/screenshots.py

Needs the extra gui, selenium, and Chromium with its driver.
"""

from __future__ import annotations

import base64
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver

from myna.audio.folders import find_recordings

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "apps" / "gui"))

from browsing import SONG, OpenStudio, Page, open_studio  # noqa: E402

RECORDINGS = find_recordings(ROOT / "examples" / "recordings" / "ljspeech")
TABS = {"sing": "Sing", "train": "Train a voice", "voices": "Voices"}
# Pixels. Chromium's windows are at least 500 wide; the viewport emulates the width of a phone.
WIDE, NARROW = 1280, 390
TALLEST = 1800


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        studio = open_studio(Path(folder))
        try:
            take(studio)
        finally:
            studio.close()


def take(studio: OpenStudio) -> None:
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    page = Page(driver, studio.url)
    resize(driver, WIDE)
    page.open()
    work(page, studio)
    for width, suffix in ((WIDE, ""), (NARROW, "-narrow")):
        resize(driver, width)
        page.open()
        for name, title in TABS.items():
            page.tab(title)
            time.sleep(4)
            save(driver, ROOT / "docs" / "images" / f"studio-{name}{suffix}.png")
    driver.quit()


def work(page: Page, studio: OpenStudio) -> None:
    """Convert a song, and train a voice for a moment."""
    page.send("#songs", SONG)
    page.click("#sing")
    page.wait(lambda: "done" in page.text("#queue"), 120)
    page.tab("Train a voice")
    page.wait(lambda: page.find("#voice-name :is(input, textarea)").is_displayed())
    page.find("#voice-name :is(input, textarea)").send_keys("Linda")
    page.click("#voice-create")
    page.wait(lambda: page.find("#voice-files input[type=file]"))
    page.find("#voice-files input[type=file]").send_keys("\n".join(map(str, RECORDINGS)))
    project = studio.folder / "training" / "Linda"
    page.wait(lambda: len(list(project.glob("dataset_raw/Linda/*"))) == len(RECORDINGS))
    page.unfold("3. ")
    page.click("#voice-prepare")
    page.wait(lambda: list(project.glob("configs/44k/config.json")) and not page.text("#voice-jobs"), 240)
    page.unfold("2. ")
    page.wait(lambda: page.find("#voice-epochs input").is_displayed())
    for key, value in (("epochs", "30"), ("log_interval", "1"), ("eval_interval", "10"), ("batch_size", "4")):
        field = page.find(f"#voice-{key} input")
        field.clear()
        field.send_keys(value)
    page.unfold("4. ")
    page.wait(lambda: page.find("#voice-train").is_enabled())
    page.click("#voice-train")
    page.wait(lambda: "step" in page.text("#voice-jobs") or list(project.glob("logs/44k/G_*.pth")), 240)
    page.wait(lambda: not page.text("#voice-jobs"), 600)


def resize(driver: webdriver.Chrome, width: int) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == NARROW},
    )


def save(driver: webdriver.Chrome, path: Path) -> None:
    """Save the whole page as a small PNG."""
    width, height = (int(driver.execute_script(f"return document.body.scroll{side}")) for side in ("Width", "Height"))
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST), "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
