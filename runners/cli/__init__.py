"""The command line: one file a command."""

from __future__ import annotations

import click

from .commands import COMMANDS, Commands

__all__ = ["COMMANDS", "tokenrill"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tokenrill")
def tokenrill() -> None:
    """Stream any AI provider.

    \b
    Try, in this order:
      tokenrill demo                          see seven providers stream: no key, no network
      tokenrill doctor                        what is installed, which keys are set, what can be reached
      tokenrill chat "Why is the sky blue?"   ask OpenAI (needs OPENAI_API_KEY)
      tokenrill chat --list-providers         whom else to ask: --provider anthropic, bedrock:REGION/MODEL, ...
      tokenrill emulate                       a server of your own to break things with

    \b
    A chat with the emulator, in two terminals:
      tokenrill emulate --port 8787 --between-tokens 0.1
      OPENAI_API_KEY=any tokenrill chat --base-url http://127.0.0.1:8787/v1 "Hello"
    """
