"""The command that teaches a shell to complete the others."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_PROGRAM = "chartlake"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and options at the Tab key.

    \b
    Example, for now and for every later shell:
      chartlake completion bash > ~/.chartlake-completion && echo '. ~/.chartlake-completion' >> ~/.bashrc
      chartlake completion zsh > ~/.chartlake-completion && echo '. ~/.chartlake-completion' >> ~/.zshrc
      chartlake completion fish > ~/.config/fish/completions/chartlake.fish
    """
    found = get_completion_class(shell)
    assert found is not None, shell
    click.echo(found(ctx.find_root().command, {}, _PROGRAM, f"_{_PROGRAM.upper()}_COMPLETE").source())
