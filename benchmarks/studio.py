"""Measure the studio's start-up time, from `svcg` to a page that takes songs; see benchmarks/README.md.

    python benchmarks/studio.py [--times 5]

Requires the extra 'gui', selenium, and Chromium with its driver. The browser opens before the clock starts.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    listening, usable = [], []
    for _ in range(arguments.times):
        one, other = open_once(browser)
        listening.append(one)
        usable.append(other)
    browser.quit()
    for title, seconds in (("the page is served", listening), ("the page is usable", usable)):
        print(f"{title} after {min(seconds):.2f} to {max(seconds):.2f} s, median {statistics.median(seconds):.2f} s")


def open_once(browser: webdriver.Chrome) -> tuple[float, float]:
    """Measure the seconds until `svcg` prints its address, and until the page is usable."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        command = [sys.executable, "-m", "myna", "gui", "--no-browser", "--folder", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        (address,) = re.findall(r"http://\S+", process.stdout.readline())
        listening = time.monotonic() - started
        browser.get(address)
        wait = WebDriverWait(browser, 60, poll_frequency=0.02, ignored_exceptions=[NoSuchElementException])
        wait.until(lambda page: page.find_element(By.CSS_SELECTOR, ".drop-zone input").is_enabled())
        usable = time.monotonic() - started
        browser.get("about:blank")  # leave the page first, or the browser waits for its server
        process.terminate()
        process.wait()
    return listening, usable


if __name__ == "__main__":
    main()
