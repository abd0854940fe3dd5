"""The reference of commands: every command, argument and flag, from the command table and the option dataclasses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from myna.apps.cli import COMMANDS, svc
from myna.errors import EXIT_CODES, MynaError

_INTRODUCTION = """\
# Commands

Generated from the code. `svc COMMAND --help` prints the same text. Global flags stand before the command:
`svc -v COMMAND` also prints debug messages and tracebacks; `svc --version` prints the version.

With `--json`, a command prints its result as one JSON object on standard output, and everything else on standard error.
An error is an object too: `{"error": {"code": "audio", "message": "..."}}`. If a part of the work failed, the object of
the result has the key `error`.
"""
_DEFAULT = re.compile(r"\s*\[default: (.*)\]\s*$", re.S)


def render() -> str:
    """Return the page as Markdown."""
    rows = "\n".join(f"| [`svc {name}`](#svc-{name}) | {_cell(summary)} |" for name, summary in COMMANDS.items())
    overview = f"| command | effect |\n|---|---|\n{rows}\n"
    return "\n".join([_INTRODUCTION, overview, _exit_codes(), *(_section(name) for name in COMMANDS)])


def _exit_codes() -> str:
    codes = {1: ["defect"], 2: ["usage"], 129: ["interrupted"], 130: ["interrupted"], 143: ["interrupted"]}
    for kind in dict.fromkeys(_kinds(MynaError)):
        known = codes.setdefault(kind.exit_code, [])
        if kind.code not in known:
            known.append(kind.code)
    rows = [
        f"| {number} | {', '.join(f'`{code}`' for code in codes.get(number, []))} | {text} |"
        for number, text in EXIT_CODES.items()
    ]
    return "\n".join(["## Exit codes\n", "| exit code | `code` in JSON | meaning |\n|---|---|---|", *rows, ""])


def _kinds(kind: type[MynaError]) -> Iterator[type[MynaError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


def _section(name: str) -> str:
    command = svc.get_command(click.Context(svc), name)
    assert command is not None
    context = click.Context(command, info_name=f"svc {name}")
    usage = " ".join(["svc", name, *command.collect_usage_pieces(context)])
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    rows = "\n".join(_row(option, context) for option in options)
    table = f"| flag | default | meaning |\n|---|---|---|\n{rows}\n" if options else ""
    return f"## svc {name}\n\n```text\n{usage}\n```\n\n{_help(command)}\n\n{table}"


def _help(command: click.Command) -> str:
    r"""Return the help text as Markdown; a paragraph that click must not wrap (`\b`) is a block of its own."""
    paragraphs = []
    for paragraph in cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            paragraphs.append(f"```text\n{paragraph[2:]}\n```")
        elif paragraph.startswith("svc "):
            paragraphs.append(f"```text\n{paragraph}\n```")
        else:
            paragraphs.append(_text(paragraph))
    return "\n\n".join(paragraphs)


def _row(option: click.Option, context: click.Context) -> str:
    help_text = option.help or ""
    default = _default(option)
    if stated := _DEFAULT.search(help_text):
        help_text, default = help_text[: stated.start()], _text(stated[1])
    flags = ", ".join(f"`{flag}`" for flag in [*option.opts, *option.secondary_opts])
    if values := _values(option, context):
        flags += f"<br>{values}"
    return f"| {flags} | {default} | {_cell(help_text)} |"


def _values(option: click.Option, context: click.Context) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    return option.make_metavar(context).replace("|", "&#124;")


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    value = option.default
    if option.is_flag:
        return "on" if value is True else "off"
    if isinstance(value, Path):
        return f"`{value.as_posix()}`"
    return f"`{value}`" if isinstance(value, str | int | float) and value != "" else ""


def _cell(text: str) -> str:
    return _text(" ".join(text.split())).replace("|", "&#124;")


def _text(text: str) -> str:
    """Escape characters of a help text that Markdown would interpret as markup."""
    return re.sub(r"([*_<>\[\]])", r"\\\1", text)
