"""``tokenrill emulate``: a provider of your own, as well or as badly behaved as you like."""

from __future__ import annotations

import asyncio
import sys

import click

from ...streams.errors import error_for_status
from ..emulator import FAULT_KINDS, FAULT_POINTS, FRIENDLY, Answer, Emulator, Fault, Pace, serve
from .exits import FAILED, complain
from .seconds import SECONDS

__all__ = ["emulate"]


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; 0 is any free port.")
@click.option("--text", default=FRIENDLY, show_default=False, help="What to answer; by default a friendly text.")
@click.option("--reasoning", default="", help="What to think beforehand.")
@click.option(
    "--first-token", metavar="SECONDS", type=SECONDS, default=0.3, show_default=True, help="Until the first word."
)
@click.option(
    "--between-tokens", metavar="SECONDS", type=SECONDS, default=0.03, show_default=True, help="Between words."
)
@click.option("--jitter", type=float, default=0.0, help="How much of that is left to chance, from 0 to 1.")
@click.option("--bytes-per-write", type=int, help="Cut what is sent into pieces of this size.")
@click.option("--fault", type=click.Choice(FAULT_KINDS), help="What goes wrong.")
@click.option("--at", type=click.Choice(FAULT_POINTS), help="Where it does; by default mid_text.")
@click.option(
    "--refuse", metavar="STATUS", type=click.IntRange(400, 599), help="Refuse every request, such as with 429."
)
def emulate(
    port: int,
    text: str,
    reasoning: str,
    first_token: float,
    between_tokens: float,
    jitter: float,
    bytes_per_write: int | None,
    fault: str | None,
    at: str | None,
    refuse: int | None,
) -> None:
    """Run a local server that speaks providers' wires over real HTTP, until Ctrl-C.

    It prints the variables that point clients at it, ours and others. Only this machine can reach it.

    \b
    Examples:
      tokenrill emulate --port 8787
      tokenrill emulate --between-tokens 0.2 --jitter 0.8
      tokenrill emulate --fault cut --at mid_text
      tokenrill emulate --refuse 429
    """
    if fault and refuse:
        raise click.UsageError("--refuse refuses every request: there is no answer for --fault to go wrong in")
    if at and not fault:
        raise click.UsageError("--at says where a --fault is: give one")
    try:
        pace = Pace(first_token, between_tokens, jitter, bytes_per_write=bytes_per_write)
        if refuse:
            error = error_for_status(refuse)("The emulator was told to refuse.", status=refuse)
            answer = Answer.refuse(error)
        else:
            trouble = Fault(fault, at or "mid_text") if fault else None  # pyright: ignore[reportArgumentType]
            answer = Answer.text(text, reasoning=reasoning, pace=pace, fault=trouble)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        asyncio.run(serve(Emulator(answer, port=port), announce))
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # whoever reads what we announce has left
        raise
    except OSError as error:
        complain(f"cannot listen on port {port}: {error.strerror}")
        sys.exit(FAILED)


def announce(line: str) -> None:
    """Say one line, at once: a program may be waiting for it."""
    click.echo(line)
    sys.stdout.flush()
