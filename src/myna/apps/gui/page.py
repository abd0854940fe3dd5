"""The studio's page with its tabs, and the server for it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.routes import App, ORJSONResponse

from myna.apps.gui import api
from myna.apps.gui.guard import Addresses, Limits, bracketed, guard
from myna.apps.gui.jobs import Jobs
from myna.apps.gui.studio import LANES, Studio
from myna.apps.gui.texts import i18n, label, language_of, script_texts
from myna.apps.gui.widgets import name_fields
from myna.errors import ConfigError
from myna.studio.voices import Library
from myna.studio.workspace import Workspace

# Modules in `tabs`, with the text key of each tab's title.
TABS = {"convert": "tab.convert", "voice": "tab.voice", "keeping": "tab.keeping"}
DEFAULT_PORT = 7860
_PORTS = 100  # number of ports to try, from the default upwards
_CACHE_SECONDS = (3600, 24 * 3600)  # uploads are searched at this interval, and deleted at this age


def build(studio: Studio) -> gr.Blocks:
    """Build the page of a studio."""
    page = gr.Blocks(title="myna", analytics_enabled=False, delete_cache=_CACHE_SECONDS)
    with page:
        api.build(studio)  # first, so that Gradio appends no number to the endpoint names
        with gr.Row(elem_id="head"):
            gr.Markdown(label("page.title"))
            gr.Markdown(label("page.consent"), elem_id="consent")
        for name, title in TABS.items():
            with gr.Tab(label(title), id=name, elem_id=f"tab-{name}"):
                import_module(f"myna.apps.gui.tabs.{name}").build(studio)
        _translate_scripts(page)
    name_fields(page)
    return page


def _translate_scripts(page: gr.Blocks) -> None:
    """When the page loads, send each scripted component its texts in the visitor's language."""
    components = [block for block in page.blocks.values() if isinstance(block, gr.HTML) and "part" in block.props]

    def translate(request: gr.Request) -> list[Any]:
        language = language_of(request)
        return [gr.HTML(**script_texts(language, component.props["part"])) for component in components]

    gr.on(page.load, translate, outputs=components, show_progress="hidden", api_visibility="private")


@contextmanager
def open_studio(folder: Path) -> Iterator[Studio]:
    """Open a studio in `folder`. When it closes, any training run in progress saves a
    checkpoint and stops, and uploads are deleted."""
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
    public_url: str | None = None,
    limits: Limits | None = None,
) -> str:
    """Serve the page in threads of this process and return its address.

    Args:
        port: port to listen on; None takes the first free one from 7860 upwards.
        auth: name and password that visitors must enter.
        browser: whether to open the page in the default browser.
        public_url: address of a reverse proxy or tunnel to this server.
        limits: limits of uploads.

    Raises:
        ConfigError: the port is in use, the host is not an address of this computer, or `public_url` is no address.
    """
    page, limits, port = build(studio), limits or Limits(), find_port(host, port)
    addresses = Addresses.of(host, port, public_url)
    page.launch(
        _app=_GuardedApp(lambda app: guard(app, addresses, uploads=studio.uploads, limits=limits)),
        server_name=bracketed(host),
        server_port=port,
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
        num_workers=0,  # such a process would serve files and take uploads at a port of its own, without the guard
        max_file_size=limits.file,
        allowed_paths=[str(studio.workspace.sung), str(studio.workspace.training), str(studio.uploads)],
        i18n=i18n(),
        theme=_theme(),
        css=(files("myna.apps.gui") / "page.css").read_text("utf-8"),
    )
    if browser:
        threading.Thread(target=webbrowser.open, args=(addresses.url,), daemon=True).start()
    return addresses.url


class _GuardedApp(App):
    """Gradio's application with a guard in front of all its middleware.

    Gradio's own middleware, which would come before one in `app_kwargs`, answers some requests of other origins.
    """

    def __init__(self, guarded: Callable[[Any], Any]) -> None:
        super().__init__(default_response_class=ORJSONResponse)
        self._guarded = guarded

    def build_middleware_stack(self) -> Any:
        return self._guarded(super().build_middleware_stack())


def _theme() -> gr.themes.Base:
    """Create Gradio's base theme with system fonts, which need no download."""
    plain = gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    # This grey gives secondary text on white a contrast of 4.8:1. Gradio's own has 2.6:1, which is hard to read.
    return plain.set(body_text_color_subdued="*neutral_500")


def find_port(host: str, port: int | None) -> int:
    """Find the port to listen on.

    Raises:
        ConfigError: the port is in use, no port is free, or `host` is not an address of this computer.
    """
    wanted = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + _PORTS)
    for one in wanted:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, one))
                return one
        except PermissionError as error:
            raise ConfigError(f"no permission to use port {one}; choose one above 1023 with --port") from error
        except socket.gaierror as error:
            raise ConfigError(f"unknown host {host!r}; leave out --host to serve this computer only") from error
        except OSError as error:
            if error.errno is not None and "assign" in str(error).lower():
                raise ConfigError(f"{host} is not an address of this computer; leave out --host") from error
    if port is not None:
        raise ConfigError(
            f"port {port} is in use, perhaps by another open studio: see http://{host}:{port}, or choose another "
            "port with --port"
        )
    raise ConfigError(f"no port from {DEFAULT_PORT} to {DEFAULT_PORT + _PORTS - 1} is free; choose one with --port")
