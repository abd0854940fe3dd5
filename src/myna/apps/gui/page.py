"""The page: its tabs, and the server that shows it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr

from myna.apps.gui import api
from myna.apps.gui.jobs import Jobs
from myna.apps.gui.studio import LANES, Studio
from myna.apps.gui.texts import i18n, label, language_of, spoken
from myna.errors import ConfigError
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

# The module of `tabs`, and the key of its title.
TABS = {"convert": "tab.convert", "voice": "tab.voice", "keeping": "tab.keeping"}
DEFAULT_PORT = 7860
_PORTS = 100  # that are tried from the default on
_LOCAL = ("127.0.0.1", "localhost", "::1")
_MOST_UPLOADED = "8gb"
_CACHE_SECONDS = (3600, 24 * 3600)  # how often uploads are looked through, and how old they become


def build(studio: Studio) -> gr.Blocks:
    """The page of a studio."""
    page = gr.Blocks(title="myna", analytics_enabled=False, delete_cache=_CACHE_SECONDS)
    with page:
        api.build(studio)  # first, for it gives the endpoints their names
        with gr.Row(elem_id="head"):
            gr.Markdown(label("page.title"))
            gr.Markdown(label("page.consent"), elem_id="consent")
        for name, title in TABS.items():
            with gr.Tab(label(title), id=name, elem_id=f"tab-{name}"):
                import_module(f"myna.apps.gui.tabs.{name}").build(studio)
        _speak(page)
    return page


def _speak(page: gr.Blocks) -> None:
    """Let components whose scripts say something say it in the visitor's language."""
    components = [block for block in page.blocks.values() if isinstance(block, gr.HTML) and "part" in block.props]

    def translate(request: gr.Request) -> list[Any]:
        language = language_of(request)
        return [gr.HTML(**spoken(language, component.props["part"])) for component in components]

    gr.on(page.load, translate, outputs=components, show_progress="hidden", api_visibility="private")


@contextmanager
def open_studio(folder: Path) -> Iterator[Studio]:
    """A studio in `folder`; when it closes, what is being trained is saved, and what was uploaded is removed."""
    workspace = Workspace(folder.resolve())
    workspace.create()
    uploads = Path(tempfile.mkdtemp(prefix="myna-"))
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    jobs = Jobs(LANES)
    try:
        yield Studio(workspace, Library(workspace), jobs, uploads)
    finally:
        jobs.close()
        shutil.rmtree(uploads, ignore_errors=True)


def serve(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: tuple[str, str] | None = None,
    browser: bool = False,
) -> str:
    """Serve the page in threads of this process, and return its address.

    Args:
        port: None is the first free one from 7860 on.
        auth: a name and a password that a visitor must give.
        browser: whether to open it there.

    Raises:
        ConfigError: the port is taken, or the host is none of this computer's.
    """
    page = build(studio)
    _, url, _ = page.launch(
        server_name=host,
        server_port=find_port(host, port),
        auth=auth,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        show_error=True,
        footer_links=["api", "settings"],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=_MOST_UPLOADED,
        allowed_paths=[str(studio.workspace.sung), str(studio.workspace.training), str(studio.uploads)],
        i18n=i18n(),
        theme=_theme(),
        css=(files("myna.apps.gui") / "page.css").read_text("utf-8"),
    )
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    return url


def _theme() -> gr.themes.Base:
    """Gradio's plainest, with fonts that the computer has."""
    plain = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    # What stands back is still read with ease: 4.8 to 1 on white, where Gradio's own grey has 2.6.
    return plain.set(body_text_color_subdued="*neutral_500")


def find_port(host: str, port: int | None) -> int:
    """The port to listen at.

    Raises:
        ConfigError: it is taken, or none is free, or `host` is not of this computer.
    """
    wanted = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS)
    for one in wanted:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, one))
                return one
        except PermissionError as error:
            raise ConfigError(f"this system gives port {one} to nobody; choose one above 1023 with --port") from error
        except socket.gaierror as error:
            raise ConfigError(f"no host {host!r}; leave --host out to be seen by this computer alone") from error
        except OSError as error:
            if error.errno is not None and "assign" in str(error).lower():
                raise ConfigError(f"{host} is no address of this computer; leave --host out") from error
    if port is not None:
        raise ConfigError(
            f"port {port} is in use, perhaps by a studio that is open already: see http://{host}:{port}, or choose "
            "another with --port"
        )
    raise ConfigError(f"no port from {DEFAULT_PORT} to {DEFAULT_PORT + _PORTS - 1} is free; choose one with --port")


def is_local(host: str) -> bool:
    """Whether nobody but this computer sees `host`."""
    return host in _LOCAL
