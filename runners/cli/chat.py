"""``tokenrill chat``: one question, answered as it comes."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Any, BinaryIO, Protocol, get_args

import click
from rich.console import Console

from ...operators import resilient
from ...sinks.console import ConsoleObserver
from ...sinks.metrics import StreamMetrics
from ...sources.http import Http
from ...sources.registry import ProviderRegistry, Selection
from ...streams.codec import encode_token
from ...streams.errors import MissingCredential, StreamError
from ...streams.pipeline import Pipeline, StreamPipelineBuilder
from ...streams.request import CompletionRequest, Effort, Message, Reasoning
from ...streams.tokens import Finish, RefusalDelta, StreamToken
from ...streams.types import Source
from .exits import (
    BLOCKED,
    BROKEN_OFF,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    NO_KEY,
    OK,
    complain,
    exit_code,
    explain,
    on_the_command_line,
)
from .listing import list_providers
from .seconds import SECONDS
from .telling import telling

__all__ = ["chat"]


class View(Protocol):
    """Something that shows tokens as they come."""

    def on_next(self, value: StreamToken, /) -> None: ...

    def end_line(self) -> None: ...


class JsonLines:
    """Every token as one line of JSON, written at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def on_next(self, value: StreamToken, /) -> None:
        self._file.write(encode_token(value) + b"\n")
        self._file.flush()

    def end_line(self) -> None:
        """Every line has ended already."""


@click.command(epilog=EXIT_CODES)
@click.argument("words", metavar="[PROMPT]...", nargs=-1)
@click.option(
    "--provider", metavar="SPEC", default="openai", show_default=True, help="Whom to ask: NAME or NAME:MODEL."
)
@click.option(
    "--list-providers",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_providers,
    help="List whom one can ask, and leave.",
)
@click.option("--model", help="The provider's name of the model; most providers have a default.")
@click.option("--system", help="What the model is told beforehand.")
@click.option("--max-tokens", type=int, help="The most tokens to write.")
@click.option("--temperature", type=float, help="How much chance plays a part.")
@click.option(
    "--reasoning", metavar="EFFORT", type=click.Choice(get_args(Effort)), help="How much to think: none to max."
)
@click.option("--json", "as_json", is_flag=True, help="Print tokens as JSON lines.")
@click.option("--base-url", metavar="URL", help="Another address, such as that of `tokenrill emulate`.")
@click.option("--allow-http", is_flag=True, help="Let the key go unencrypted to another machine.")
@click.option(
    "--first-token-timeout",
    metavar="SECONDS",
    type=SECONDS,
    default=60.0,
    show_default=True,
    help="How long to wait for the first word.",
)
@click.option(
    "--idle-timeout",
    metavar="SECONDS",
    type=SECONDS,
    default=60.0,
    show_default=True,
    help="And for each one after it.",
)
@click.option(
    "--attempts", metavar="N", type=int, default=3, show_default=True, help="How often to ask until it answers."
)
@click.option(
    "--resume/--no-resume", default=True, show_default=True, help="Whether to go on with an answer that broke off."
)
@click.option("--quiet", is_flag=True, help="Print the answer alone: no line about usage, timing and retries.")
def chat(
    words: tuple[str, ...],
    provider: str,
    model: str | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    reasoning: Effort | None,
    as_json: bool,
    base_url: str | None,
    allow_http: bool,
    first_token_timeout: float,
    idle_timeout: float,
    attempts: int,
    resume: bool,
    quiet: bool,
) -> None:
    """Ask PROMPT, and print the answer as it comes.

    The answer goes to standard output, the line about usage and timing to standard error. What is piped in
    is read, and takes the place of "-", or follows PROMPT. Ctrl-C hangs up, and still tells the usage so far.

    \b
    Examples:
      tokenrill chat "Why is the sky blue?"
      tokenrill chat --model gpt-6.2-sol --max-tokens 200 "Write a haiku."
      tokenrill chat --provider anthropic:claude-opus-5-5 --reasoning low "Why?"
      tokenrill chat --provider bedrock:eu-west-1/eu.amazon.nova-lite-v1:0 "Hello"
      git diff | tokenrill chat --system "Be brief." "Review this:" -
      tokenrill chat --json "Count to ten." | grep TextDelta
    """
    prompt = whole_prompt(words)
    chosen = selected(provider, model)
    try:
        request = CompletionRequest(
            model=chosen.model or "",
            messages=[*([Message.system(system)] if system else []), Message.user(prompt)],
            max_tokens=max_tokens,
            temperature=temperature,
            reasoning=Reasoning(effort=reasoning) if reasoning else None,
        )
        source = made(chosen, base_url, allow_http=allow_http)
        guard = resilient(
            attempts=attempts,
            resumes=3 if resume else 0,
            first_token=first_token_timeout,
            idle=idle_timeout,
            limiter=False,
            breaker=False,
        )
    except ValueError as error:
        raise click.UsageError(on_the_command_line(str(error))) from None
    metrics = StreamMetrics(keep=1)
    builder = StreamPipelineBuilder.source(source).pipe(guard).attach(metrics)
    pipeline = (builder if quiet else builder.attach(telling(complain))).build()
    code = converse(pipeline, request, view(as_json))
    if not quiet and metrics.calls and (metrics.calls[-1].tokens or code in (OK, INTERRUPTED)):
        click.echo(str(metrics.calls[-1]), err=True)
    sys.exit(code)


def selected(provider: str, model: str | None) -> Selection:
    """Whom to ask, and for which model."""
    try:
        chosen = ProviderRegistry().select(provider)
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from None
    if model is not None and not model.strip():
        raise click.UsageError("--model is empty: leave it out for the provider's usual model")
    if not (model or chosen.model):
        name = chosen.registration.name
        raise click.UsageError(f"{name} has no usual model: give --model MODEL, or --provider {name}:MODEL")
    return replace(chosen, model=model or chosen.model)


def made(chosen: Selection, base_url: str | None, *, allow_http: bool) -> Source:
    """The provider, by way of the proxy that the environment names; or one line that says what it lacks."""
    row = chosen.registration
    options: dict[str, Any] = {"http": Http(trust_env=True), "allow_http": allow_http}
    if base_url is not None:
        options[row.address_option] = base_url
    try:
        return chosen.make(**options)
    except MissingCredential:
        complain(f"no key for {row.title}: set {' or '.join(row.variables)}. `tokenrill demo` needs none.")
        sys.exit(NO_KEY)
    except ImportError as error:
        complain(explain(error))
        sys.exit(exit_code(error))


def whole_prompt(words: tuple[str, ...]) -> str:
    """The words, with what is piped in at the place of "-", or at the end."""
    place = words.index("-") if "-" in words else len(words)
    piped = ""
    if "-" in words or not sys.stdin.isatty():
        try:
            piped = sys.stdin.buffer.read().decode("utf-8", "replace").strip()
        except OSError as error:
            raise click.UsageError(f"what is piped in cannot be read: {error.strerror}") from None
    prompt = "\n\n".join(filter(None, (" ".join(words[:place]), piped, " ".join(words[place + 1 :]))))
    if not prompt.strip():
        raise click.UsageError("there is nothing to ask: give a PROMPT, or pipe one in")
    return prompt


def view(as_json: bool) -> View:
    """How to show the answer: decorations are for people, so a pipe gets the text alone."""
    if as_json:
        return JsonLines(sys.stdout.buffer)
    live = sys.stdout.isatty()
    return ConsoleObserver(Console(), reasoning=live, tool_calls=True, notes=live)


def converse(pipeline: Pipeline[StreamToken], request: CompletionRequest, show: View) -> int:
    """Ask, show, and say what went wrong. Answers the exit code."""
    try:
        return asyncio.run(read(pipeline, request, show))
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError:  # all that goes wrong with the network is a StreamError: we cannot write
        raise
    except Exception as error:
        if sys.flags.dev_mode and not isinstance(error, StreamError):
            raise
        complain(explain(error))
        return exit_code(error)


async def read(pipeline: Pipeline[StreamToken], request: CompletionRequest, show: View) -> int:
    code = OK
    try:
        async with pipeline.open(request) as tokens:
            async for token in tokens:
                show.on_next(token)
                match token:
                    case RefusalDelta() | Finish("content_filter"):
                        code = BLOCKED
                    case Finish("error"):
                        code = FAILED
                    case Finish("length"):
                        code = BROKEN_OFF
                    case _:
                        pass
    finally:
        await pipeline.aclose()
        show.end_line()
    if code == BROKEN_OFF:
        complain("the answer has reached its longest, and is incomplete: --max-tokens lets it be longer.")
    return code
