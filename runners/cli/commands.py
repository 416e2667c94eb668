"""How every command begins and ends: standard streams that may be missing, and who leaves, in time or not."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from .exits import FAILED, INTERRUPTED, OK, abandon_stdout, complain

__all__ = ["COMMANDS", "Commands"]

COMMANDS: Final = ("chat", "demo", "doctor", "emulate")


class Commands(click.Group):
    """A group whose commands are imported when they are asked for: a chat need not wait for the server's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; click itself would call it a failure that the reader of our output has left."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            leave_output(error)

    def main(self, *args: Any, **settings: Any) -> NoReturn:
        """Run a command, and exit: as click does, but for Ctrl-C and for an output that cannot be written."""
        open_streams()
        try:
            code = super().main(*args, **{**settings, "standalone_mode": False})
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except OSError as error:
            leave_output(error)
        sys.exit(code if isinstance(code, int) else OK)


def leave_output(error: OSError) -> NoReturn:
    """Our output cannot be written: that is no failure when its reader has left, and one when the disk is full."""
    abandon_stdout()
    if error.errno == errno.EPIPE:
        sys.exit(OK)
    complain(f"cannot write the output: {error.strerror}")
    sys.exit(FAILED)


def open_streams() -> None:
    """Have all three standard streams: those that were closed lead nowhere, and what one cannot write becomes "?"."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(nowhere, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", ignore)(errors="replace")


def ignore(**_: str) -> None:
    """For streams of others, which write what they like."""
