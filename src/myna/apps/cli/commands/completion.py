"""`svc completion`: print the script that completes commands, flags and values in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from myna.apps.cli.report import echo

# File that the shell reads at its start, and the line to add to it.
INSTALLATION = {
    "bash": ("~/.bashrc", 'eval "$(svc completion bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(svc completion zsh)"'),
    "fish": ("~/.config/fish/config.fish", "svc completion fish | source"),
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(INSTALLATION)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which SHELL completes commands, flags, values, and the names of voices after -m.

    The first two lines of the script show how to install it.
    """
    completion = get_completion_class(shell)
    assert completion is not None, f"Click knows no {shell}"
    script = completion(ctx.find_root().command, {}, "svc", "_SVC_COMPLETE").source()
    file, line = INSTALLATION[shell]
    echo(f"# To install it, add this line to {file}:\n#   {line}\n{script}")
