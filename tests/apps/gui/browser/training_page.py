"""Steps of the page Train, as tests do and see them."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from studio_page import Server, StudioPage

from myna.config import Config
from myna.studio.project import Project

REPOSITORY = Path(__file__).parents[4]
RECORDINGS = sorted((REPOSITORY / "examples" / "recordings" / "ljspeech").glob("*"))[:6]
# A light voice that is a few channels wide, with one augmented version of a clip: everything else is real.
MODEL = {"inter_channels": 8, "hidden_channels": 8, "n_layers": 1, "n_fine_layers": 1, "gin_channels": 4}
TRAIN = {"num_workers": 0, "segment_size": 8192, "bf16_run": False, "batch_size": 2}
DATA = {"content_versions": 1}


def project_of(server: Server, name: str) -> Project:
    return Project(server.folder / "training" / name)


def shrink(project: Project) -> None:
    Config.template("myna-lite").with_values(model=MODEL, train=TRAIN, data=DATA).write(project.config)


def create(page: StudioPage, name: str) -> None:
    field = page.wait(lambda: page.find(".new-project input"))
    field.send_keys(name)
    page.wait(lambda: page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: name in page.text("h1"))


def add_recordings(page: StudioPage, paths: list[Path] = RECORDINGS) -> None:
    before = len(rows(page))
    page.send(*paths)
    page.wait(lambda: len(rows(page)) == before + len(paths))


def rows(page: StudioPage) -> list[WebElement]:
    return page.driver.find_elements(By.CSS_SELECTOR, ".recording-row")


def state(page: StudioPage, step: str) -> str:
    return page.text(f"#train-step-{step} .step-state")


def unfold(page: StudioPage, step: str) -> WebElement:
    """Open a step if it is folded away, and return its content."""
    head = page.wait(lambda: page.find(f"#train-step-{step} .step-head"))
    if head.get_attribute("aria-expanded") == "false":
        page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
        head.click()
    return page.wait(lambda: page.find(f"#train-step-{step} .step-body"))


def press_in(page: StudioPage, step: str, name: str) -> None:
    """Press a button of a step."""
    body = unfold(page, step)
    button = page.wait(
        lambda: next(
            one
            for one in body.find_elements(By.CSS_SELECTOR, "button, label")
            if one.is_displayed() and one.is_enabled() and one.text.strip() == name
        )
    )
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def bar(page: StudioPage) -> str:
    return page.text(".action-bar")


def unfold_experts(page: StudioPage) -> WebElement:
    if page.find(".experts").get_attribute("open") is None:
        page.driver.execute_script("document.querySelector('.experts summary').click()")
    return page.wait(lambda: page.find(".training-settings"))


def set_option(page: StudioPage, title: str) -> None:
    """Switch an option on, under For experts."""
    unfold_experts(page)
    label = page.wait(
        lambda: next(
            one for one in page.driver.find_elements(By.CSS_SELECTOR, ".training-settings label") if one.text == title
        )
    )
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", label)
    label.click()
    page.wait(lambda: page.driver.find_element(By.CSS_SELECTOR, ".training-settings input:checked"))


def prepare(page: StudioPage) -> None:
    page.wait(lambda: page.main_button().text == "Prepare" and page.main_button().is_enabled())
    page.main_button().click()
    page.wait(lambda: state(page, "prepare") == "Done", 240)


def train(page: StudioPage, minutes: str) -> None:
    """Start a training of so many minutes."""
    press_in(page, "train", "Other")
    field = page.wait(lambda: page.find(".minutes input"))
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(minutes, Keys.TAB)
    page.main_button().click()
    page.wait(lambda: state(page, "train") == "Running")


def checkpoints(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".checkpoint h4")]


def samples(page: StudioPage) -> int:
    """Number of checkpoints that have a sample to play."""
    return len(page.driver.find_elements(By.CSS_SELECTOR, ".checkpoint:has(.samples button)"))


def tracks(page: StudioPage) -> list[str]:
    return [one.text for one in page.driver.find_elements(By.CSS_SELECTOR, ".comparison .track .name")]


def fits(page: StudioPage) -> bool:
    """Return whether nothing is wider than the window."""
    return bool(page.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth"))
