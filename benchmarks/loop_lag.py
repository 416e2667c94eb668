"""How long the event loop keeps others waiting while credentials are found and renewed.

    python -m benchmarks.loop_lag [--seconds N] [--json [FILE]] [--check]

A hundred paced streams run from a server in another process, while AWS credentials are looked up through botocore's
chain and Google tokens are fetched from a token endpoint, once a second each, some thousand times as often as in life.
The lag is how much later than asked a timer of the loop rings; the same is measured with no renewals beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final, cast

from benchmarks.rounds import Result, run
from benchmarks.server import pin, serving
from tokenrill import CompletionRequest, GoogleToken, Http, StreamPipelineBuilder, openai
from tokenrill.sources.aws import botocore_chain

__all__ = ["main"]

STREAMS: Final = 100
TICK: Final = 0.005
PAUSE: Final = 1.0
REQUEST: Final = CompletionRequest(model="m", messages="Hi")


class TokenEndpoint(BaseHTTPRequestHandler):
    """Gives a token to whoever asks, as Google's endpoint does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"access_token": "ya29.bench", "expires_in": 3600, "token_type": "Bearer"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def lags(seconds: float) -> list[float]:
    """How late each tick was, in milliseconds."""
    late: list[float] = []
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (due := loop.time() + TICK) < end:
        await asyncio.sleep(TICK)
        late.append((loop.time() - due) * 1000)
    return late


async def stream(url: str, http: Http) -> None:
    """One paced stream after another."""
    pipeline = StreamPipelineBuilder.source(openai(api_key="bench-key", base_url=url, http=http)).build()
    while True:
        async with pipeline.open(REQUEST) as tokens:
            async for _ in tokens:
                await asyncio.sleep(0.02)


async def renew(token_uri: str) -> None:
    """Find AWS credentials and fetch a Google token anew, again and again."""
    from google.oauth2.credentials import Credentials

    while True:
        made = cast(Any, Credentials)
        google = made(None, refresh_token="r", client_id="c", client_secret="s", token_uri=token_uri)
        await asyncio.gather(botocore_chain()(), GoogleToken(google).get())
        await asyncio.sleep(PAUSE)


async def lags_of(url: str, token_uri: str, seconds: float, *, renewing: bool) -> list[float]:
    async with Http() as http:
        tasks = [asyncio.create_task(stream(url, http)) for _ in range(STREAMS)]
        await asyncio.sleep(1.0)
        if renewing:
            await asyncio.wait({warm := asyncio.create_task(renew(token_uri))}, timeout=2.0)
            tasks.append(warm)
        late = await lags(seconds)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
    return late


def measure(options: argparse.Namespace) -> Result:
    os.environ |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "NO_GCE_CHECK": "true"}
    pin(0)
    endpoint = HTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    token_uri = f"http://127.0.0.1:{endpoint.server_address[1]}/token"
    figures: dict[str, dict[str, float]] = {}
    with serving() as server:
        for name, renewing in (("streams alone", False), ("while renewing", True)):
            late = asyncio.run(lags_of(f"{server}/400/1/v1", token_uri, options.seconds, renewing=renewing))
            cuts = statistics.quantiles(late, n=100)
            figures[name] = {"p50_ms": cuts[49], "p99_ms": cuts[98], "worst_ms": max(late)}
            time.sleep(0.2)
    endpoint.shutdown()
    lines = [
        f"{name:16} lag p50 {row['p50_ms']:6.2f} ms   p99 {row['p99_ms']:6.2f} ms   worst {row['worst_ms']:6.2f} ms"
        for name, row in figures.items()
    ]
    return Result({"loop_lag": figures}, lines, {"p99 while renewing, ms": figures["while renewing"]["p99_ms"]})


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=5.0)


def main() -> int:
    return run("loop_lag", __doc__, measure, options=add_options)


if __name__ == "__main__":
    raise SystemExit(main())
