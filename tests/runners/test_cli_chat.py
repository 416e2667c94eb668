"""``tokenrill chat``, against a real server: what comes out, and how it ends."""

from __future__ import annotations

import asyncio

import pytest

from tests.runners.program import CANARY, SLOW, WHOLE, chat, environment, program, run
from tests.server import port_of_nobody
from tokenrill import (
    AuthenticationError,
    Finish,
    RateLimited,
    ReasoningDelta,
    RefusalDelta,
    ResponseStart,
    StreamToken,
    TextDelta,
    Usage,
)
from tokenrill.runners.emulator import Answer, Emulator, Fault
from tokenrill.streams.codec import typed_decoder


async def test_the_answer_goes_to_stdout_and_its_cost_to_stderr() -> None:
    async with Emulator(Answer.text(WHOLE, usage=Usage(7, 5))) as server:
        ran = await chat(server, "Hello", "there", "--model", "gpt-x", "--max-tokens", "50", "--temperature", "0.5")
        asked = server.calls[-1].request
    assert (ran.code, ran.out) == (0, WHOLE + "\n")
    assert ran.err.startswith("openai gpt-x · 7 tokens in, 5 out · first token after ")
    assert ran.err.endswith(" · stop\n")
    assert asked is not None
    assert (asked.model, asked.turns[0].text, asked.max_tokens, asked.temperature) == ("gpt-x", "Hello there", 50, 0.5)


async def test_a_quiet_chat_prints_the_answer_alone() -> None:
    async with Emulator(Answer.text(WHOLE)) as server:
        ran = await chat(server, "--quiet", "Hello")
    assert (ran.code, ran.out, ran.err) == (0, WHOLE + "\n", "")


async def test_reasoning_does_not_go_into_a_pipe() -> None:
    async with Emulator(Answer.tokens([ReasoningDelta("Hm."), TextDelta("Hi."), Finish("stop")])) as server:
        assert (await chat(server, "Hello")).out == "Hi.\n"


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        ((), "from the pipe"),
        (("-",), "from the pipe"),
        (("Review this:",), "Review this:\n\nfrom the pipe"),
        (("Before.", "-", "After."), "Before.\n\nfrom the pipe\n\nAfter."),
    ],
)
async def test_what_is_piped_in_is_asked(words: tuple[str, ...], prompt: str) -> None:
    async with Emulator(Answer.text(WHOLE)) as server:
        ran = await chat(server, "--system", "Be brief.", *words, piped="from the pipe\n")
        asked = server.calls[-1].request
    assert ran.code == 0
    assert asked is not None
    assert [(turn.role, turn.text) for turn in asked.messages if not isinstance(turn, str)][-1] == ("user", prompt)
    assert "Be brief." in server.calls[-1].body.decode()


async def test_json_lines_read_back_as_the_tokens_that_came() -> None:
    async with Emulator(Answer.text(WHOLE, usage=Usage(7, 5))) as server:
        ran = await chat(server, "--json", "Hello")
    read = typed_decoder(StreamToken)
    tokens: list[StreamToken] = [read.decode(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert isinstance(tokens[0], ResponseStart)
    assert "".join(token.text for token in tokens if isinstance(token, TextDelta)) == WHOLE
    usage = next(token for token in tokens if isinstance(token, Usage))
    assert (usage.input_tokens, usage.output_tokens, usage.kind) == (7, 5, "exact")
    assert isinstance(tokens[-1], Finish)


async def test_each_line_of_json_is_out_before_the_next_token_comes() -> None:
    env = environment(OPENAI_API_KEY="any")
    async with (
        Emulator(Answer.text("First second", fault=Fault("stall"))) as server,
        program("chat", "--base-url", f"{server.url}/v1", "--json", "Hello", env=env) as process,
    ):
        assert process.stdout is not None
        async with asyncio.timeout(30):
            while b'"First' not in await process.stdout.readline():
                pass
        assert process.returncode is None


async def test_without_a_key_the_message_names_the_variable() -> None:
    ran = await run("chat", "Hello")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == "tokenrill: no key for OpenAI: set OPENAI_API_KEY. `tokenrill demo` needs none.\n"


async def test_a_wrong_key_is_refused_and_not_shown() -> None:
    refusal = AuthenticationError(f"Incorrect API key provided: {CANARY}.", status=401, request_id="req_1")
    async with Emulator(Answer.refuse(refusal)) as server:
        ran = await chat(server, "Hello", key=CANARY)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("tokenrill: AuthenticationError: Incorrect API key provided")
    assert "HTTP 401" in ran.err
    assert "request id" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert CANARY not in ran.err


async def test_a_rate_limit_says_how_long_to_wait() -> None:
    refusal = RateLimited("Rate limit reached.", status=429, retry_after=7)
    async with Emulator(Answer.refuse(refusal)) as server:
        ran = await chat(server, "--attempts", "1", "Hello")
    assert ran.code == 1
    assert ran.err.endswith("Wait 7 s.\n")


@pytest.mark.parametrize("quiet", [True, False])
async def test_a_busy_provider_is_asked_again_and_a_broken_answer_gone_on_with(quiet: bool) -> None:
    busy = Answer.refuse(RateLimited("Rate limit reached.", status=429, retry_after=0.1))
    broken = Answer.text(WHOLE, fault=Fault("reset", after_events=3))
    async with Emulator([busy, broken, Answer.text(WHOLE)]) as server:
        ran = await chat(server, *(["--quiet"] if quiet else []), "Hello")
        assert len(server.calls) == 3
    assert (ran.code, ran.out) == (0, WHOLE + "\n")
    told = ran.err.splitlines()
    assert told[:2] == (
        []
        if quiet
        else [
            "tokenrill: RateLimited: asking again in 0.1 s",
            "tokenrill: ConnectionLost: the answer broke off here, and goes on",
        ]
    )


@pytest.mark.parametrize("kind", ["cut", "close", "reset"])
async def test_an_answer_that_breaks_off_is_no_success(kind: str) -> None:
    fault = Fault(kind, after_events=3)  # pyright: ignore[reportArgumentType]
    async with Emulator(Answer.text(WHOLE, pace=SLOW, fault=fault)) as server:
        ran = await chat(server, "--no-resume", "Hello")
    assert ran.code == 4
    assert WHOLE.startswith(ran.out.strip())
    assert ran.out.strip()
    complaint, usage = ran.err.splitlines()
    assert complaint.endswith("What came is incomplete; try again.")
    assert "(estimated)" in usage


@pytest.mark.parametrize(
    ("fault", "option", "phase"),
    [
        (Fault("stall", "before_first_event"), "--first-token-timeout", "first_token"),
        (Fault("stall"), "--idle-timeout", "idle"),
    ],
)
async def test_an_answer_that_stalls_is_given_up(fault: Fault, option: str, phase: str) -> None:
    async with Emulator(Answer.text(WHOLE, fault=fault)) as server:
        ran = await chat(server, option, "0.3", "--attempts", "1", "--no-resume", "Hello")
    assert ran.code == 4
    assert f"within the {phase} deadline of 0.3 s" in ran.err


@pytest.mark.parametrize(
    "tokens",
    [
        [TextDelta("So"), Finish("content_filter")],
        [RefusalDelta("I cannot help with that."), Finish("stop")],
    ],
)
async def test_a_blocked_or_refused_answer_has_a_code_of_its_own(tokens: list[StreamToken]) -> None:
    async with Emulator(Answer.tokens(tokens)) as server:
        ran = await chat(server, "Hello")
    assert ran.code == 5


async def test_nobody_at_the_address_is_a_failure_that_says_where() -> None:
    ran = await run("chat", "--base-url", "http://127.0.0.1:1/v1", "Hello", OPENAI_API_KEY=CANARY)
    assert ran.code == 1
    assert "ConnectError: cannot connect to 127.0.0.1:1" in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is nothing to ask"),
        (("--max-tokens", "-1", "Hello"), "max_tokens must be"),
        (("--base-url", "http://example.com", "Hello"), "use https, or give --allow-http"),
        (("--base-url", "", "Hello"), "--base-url is empty"),
        (("--model", "", "Hello"), "--model is empty"),
        (("--provider", "bedrock:some.model", "Hello"), "or give --provider bedrock:REGION/MODEL"),
        (("--idle-timeout", "nan", "Hello"), "nan is no time in seconds"),
        (("--idle-timeout", "0", "Hello"), "idle is a time in seconds"),
        (("--provider", "nobody", "Hello"), "no provider is called 'nobody'; there are anthropic, azure"),
        (("--provider", "azure", "Hello"), "azure has no usual model: give --model MODEL, or --provider azure:MODEL"),
        (("--provider", "vertex", "Hello"), "set the environment variable GOOGLE_CLOUD_PROJECT"),
        (("--reasoning", "enormous", "Hello"), "'enormous' is not one of"),
    ],
)
async def test_a_command_that_makes_no_sense_sends_nothing(arguments: tuple[str, ...], message: str) -> None:
    ran = await run("chat", *arguments, OPENAI_API_KEY=CANARY)
    assert ran.code == 2
    assert message in ran.err
    assert CANARY not in ran.err


async def test_an_answer_that_has_reached_its_longest_is_incomplete() -> None:
    async with Emulator(Answer.tokens([TextDelta("One two"), Finish("length", "length")])) as server:
        ran = await chat(server, "Hello")
    assert (ran.code, ran.out) == (4, "One two\n")
    assert "--max-tokens lets it be longer" in ran.err


async def test_a_credentials_file_that_is_not_there_is_said_to_be_so() -> None:
    ran = await run(
        "chat", "--provider", "vertex:p/europe-west1/gemini-3-pro", "Hello", GOOGLE_APPLICATION_CREDENTIALS="/nowhere"
    )
    assert ran.code == 3
    assert "the file that GOOGLE_APPLICATION_CREDENTIALS names is not there" in ran.err


async def test_this_machine_is_reached_directly_and_others_by_the_proxy() -> None:
    nobody = f"http://127.0.0.1:{port_of_nobody()}"
    proxies = {"http_proxy": nobody, "https_proxy": nobody, "no_proxy": "example.com"}
    async with Emulator(Answer.text(WHOLE)) as server:
        here = await run("chat", "--base-url", f"{server.url}/v1", "Hello", OPENAI_API_KEY="any", **proxies)
    elsewhere = await run("chat", "--attempts", "1", "Hello", OPENAI_API_KEY="any", **proxies)
    assert (here.code, here.out) == (0, f"{WHOLE}\n")
    assert elsewhere.code == 1
    assert nobody.removeprefix("http://") in elsewhere.err
