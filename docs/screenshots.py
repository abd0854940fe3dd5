"""Take the screenshots in docs/images: each place of the studio, on a desktop and on a phone, with real work in it.

    python docs/screenshots.py

Needs the extra gui, selenium, and Chromium with its driver.
"""

from __future__ import annotations

import base64
import io
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx
import soundfile
from PIL import Image
from selenium import webdriver
from selenium.webdriver import Keys

from myna.audio.folders import find_recordings

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "apps" / "gui" / "browser")]

from studio_page import DESKTOP, PHONE, SONG, Server, StudioPage, open_server  # noqa: E402

from song.songs import write_song  # noqa: E402

RECORDINGS = find_recordings(ROOT / "examples" / "recordings" / "ljspeech")
PLACES = {"sing": "sing", "train": "train/Linda", "voices": "voices", "jobs": "jobs", "doctor": "doctor"}
DARK = ("sing",)  # places that are also shown in the dark theme
_SETTLED_SECONDS = 5.0  # of no work, after which a page is taken
_SUNG_SECONDS = 12.0  # of live singing that a picture shows
# Replaces texts of a page, given as pairs.
_REPLACE = """
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        for (const [from, to] of arguments[0])
            walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = open_server(Path(folder))
        try:
            driver = browser(microphone=as_wav(SONG, Path(folder) / "microphone.wav"))
            work(server)
            take(server, driver)
            take_cover(server, driver)
            take_live(server, driver)
            driver.quit()
        finally:
            server.close()


def work(server: Server) -> None:
    """Convert a song, and train a voice for a moment."""
    with httpx.Client(base_url=f"{server.url}api/v1/", timeout=300) as client:
        song = upload(client, SONG)
        finish(client, client.post("convert", json={"upload": song, "voice": "joe", "options": {}}).json())
        client.post("projects", json={"name": "Linda"})
        sent = [upload(client, recording) for recording in RECORDINGS]
        name = {"name": "Linda"}
        client.post("project/recordings", params=name, json={"uploads": sent})
        finish(
            client, client.post("project/prepare", params=name, json={"template": "myna-lite", "settings": {}}).json()
        )
        settings = {"log_interval": 1, "batch_size": 4}
        training = {"minutes": 1.5, "settings": settings, "options": {}}
        finish(client, client.post("project/train", params=name, json=training).json())


def upload(client: httpx.Client, path: Path) -> str:
    return str(client.post("uploads", params={"name": path.name}, content=path.read_bytes()).json()["id"])


def finish(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for a job to succeed, and return it."""
    assert "state" in job, job
    while job["state"] in ("waiting", "running", "stopping"):
        time.sleep(0.5)
        job = client.get(f"jobs/{job['id']}").json()
    assert job["state"] == "done", job
    return job


def as_wav(sound: Path, path: Path) -> Path:
    soundfile.write(path, *soundfile.read(sound))
    return path


def browser(microphone: Path) -> webdriver.Chrome:
    """Start Chromium with a microphone that records the file `microphone` again and again."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.add_argument("--use-fake-device-for-media-stream")
    options.add_argument("--use-fake-ui-for-media-stream")
    options.add_argument(f"--use-file-for-fake-audio-capture={microphone}")
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def take(server: Server, driver: webdriver.Chrome) -> None:
    page = StudioPage(driver, server.url)
    for name, place in PLACES.items():
        for size, suffix in ((DESKTOP, ""), (PHONE, "-narrow")):
            page.open(place, size)
            if name == "sing" and size == DESKTOP:
                page.send(SONG)
            settle(driver)
            driver.execute_script(_REPLACE, own_names(server))
            save(driver, ROOT / "docs" / "images" / f"studio-{name}{suffix}.png")
    scheme = {"name": "prefers-color-scheme", "value": "dark"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    for name in DARK:
        page.open(PLACES[name])
        settle(driver)
        save(driver, ROOT / "docs" / "images" / f"studio-{name}-dark.png")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def take_cover(server: Server, driver: webdriver.Chrome) -> None:
    """Make a cover and move one of its notes; take its tracks and its notes."""
    with httpx.Client(base_url=f"{server.url}api/v1/", timeout=300) as client, tempfile.TemporaryDirectory() as folder:
        song = upload(client, write_song(Path(folder) / "song with music.flac"))
        sent = {"upload": song, "voice": "joe", "options": {}}
        number = finish(client, client.post("cover", json=sent).json())["about"]["result"]
        notes = client.get(f"results/{number}/pitch").json()["notes"]
        moved = max(notes, key=lambda note: note["end"] - note["start"])
        shift = {"kind": "shift", "start": moved["start"], "end": moved["end"], "semitones": 2}
        client.put(f"results/{number}/pitch", json={"edits": [shift]})
        finish(client, client.post(f"results/{number}/remake").json())
    page = StudioPage(driver, server.url)
    page.open("sing")
    page.wait(lambda: page.find(".result-open")).click()
    page.wait(lambda: page.find(".stem-wave canvas"))
    driver.execute_script("document.querySelector('.results').scrollIntoView()")
    settle(driver)
    save(driver, ROOT / "docs" / "images" / "studio-tracks.png")
    page.open(f"pitch/{number}")
    page.wait(lambda: page.find(".roll")).send_keys(*[Keys.ARROW_RIGHT] * (notes.index(moved) + 1))
    settle(driver)
    driver.execute_script("scrollTo(0, 0)")
    save(driver, ROOT / "docs" / "images" / "studio-editor.png")


def take_live(server: Server, driver: webdriver.Chrome) -> None:
    page = StudioPage(driver, server.url)
    page.open("live")
    page.press("Start")
    page.wait(lambda: page.text(".live-state").endswith("is singing"), 120)
    for size, suffix in ((DESKTOP, ""), (PHONE, "-narrow")):
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        driver.execute_script("scrollTo(0, 0)")
        time.sleep(_SUNG_SECONDS)
        save(driver, ROOT / "docs" / "images" / f"studio-live{suffix}.png")
    page.press("Stop")


def settle(driver: webdriver.Chrome) -> None:
    """Wait until nothing has turned on the page for a while."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < _SETTLED_SECONDS:
        if driver.execute_script("return document.querySelector('.spinner') !== null"):
            quiet_since = time.monotonic()
        time.sleep(0.2)


def own_names(server: Server) -> list[tuple[str, str]]:
    """Return names of this computer, each with the one that a picture shows in its place."""
    kernel = platform.release()
    return [(str(ROOT), "~/myna"), (str(server.folder), "~/singing"), (kernel, kernel.partition("-")[0])]


def save(driver: webdriver.Chrome, path: Path) -> None:
    """Save the window as a small PNG."""
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {})
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
