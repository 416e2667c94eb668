"""10,000 streams of mixed endings leave no task, socket or memory behind; neither does a script that just ends."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.server import Connection, authority, chunk, head, port_of_nobody, server_tls, serving
from tests.sources.asking import DONE, FINISH, KEY, child, event

ENDINGS = ("finished", "cut", "reset", "refused", "nobody", "early", "inside", "paused", "cancelled", "unsubscribed")

CLIENT = """
import asyncio, gc, json, os, sys
from contextlib import suppress
from itertools import cycle, islice
from tests.sources.asking import child, ASK, asking
from tokenrill import Demand, Http, StreamError, TextDelta, accumulate

url, nobody, endings = sys.argv[1], sys.argv[2], sys.argv[3].split(",")

async def read(pipeline, count=1 << 30):
    async with pipeline.open(ASK) as reader:
        async for token in reader:
            count -= isinstance(token, TextDelta)
            if not count:
                return

async def disposed_inside(pipeline):
    done = asyncio.Event()
    def on_next(_):
        subscription.dispose()
        done.set()
    subscription = pipeline.stream(ASK).subscribe(on_next)
    await done.wait()

async def disposed_while_paused(pipeline):
    demand, seen = Demand(high=1, low=0), asyncio.Event()
    def on_next(_):
        demand.buffered()
        seen.set()
    subscription = pipeline.stream(ASK, demand).subscribe(on_next)
    await seen.wait()
    subscription.dispose()

async def cancelled(pipeline):
    task = asyncio.create_task(read(pipeline))
    await asyncio.sleep(0.002)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

async def one(ending, pipelines, outcomes):
    pipeline = pipelines[ending]
    try:
        match ending:
            case "early":
                await read(pipeline, 2)
            case "inside":
                await disposed_inside(pipeline)
            case "paused":
                await disposed_while_paused(pipeline)
            case "cancelled":
                await cancelled(pipeline)
            case "unsubscribed":
                pipeline.stream(ASK)
            case _:
                await read(pipeline)
    except StreamError as error:
        outcomes.add((ending, type(error).__name__))
    else:
        outcomes.add((ending, ""))

async def many(count, pipelines, outcomes):
    waiting = islice(cycle(endings), count)
    async def work():
        for ending in waiting:
            await one(ending, pipelines, outcomes)
    await asyncio.gather(*[work() for _ in range(40)])

def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def left(http, files):
    await http.aclose()
    for _ in range(100):  # what is closed is gone a moment later, which a busy machine makes long
        await asyncio.sleep(0.1)
        gc.collect()
        if len(asyncio.all_tasks()) == 1 and len(os.listdir("/proc/self/fd")) <= files:
            break
    return {
        "tasks": len(asyncio.all_tasks()) - 1,
        "files": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
        "memory": rss(),
    }

async def main():
    http, outcomes = Http(), set()
    pipelines = {ending: asking(nobody if ending == "nobody" else f"{url}/{ending}", http) for ending in endings}
    samples = [await left(http, 1 << 30)]
    for count in (2000, 4000, 4000):
        await many(count, pipelines, outcomes)
        samples.append(await left(http, samples[0]["files"]))
    print(json.dumps({"outcomes": sorted(outcomes), "samples": samples, "garbage": len(gc.garbage)}))

asyncio.run(main())
"""


async def script(connection: Connection) -> None:
    while True:
        line, _, _ = await connection.request()
        match line.split()[1].split("/")[2]:
            case "refused":
                await connection.send(head(500, "application/json", length=2), b"{}")
            case "finished":
                await connection.send(head(), *map(chunk, (event("a"), event("b"), FINISH, DONE)), b"0\r\n\r\n")
            case "open":  # its last chunk, of no bytes, does not come in time
                await connection.send(head(), *map(chunk, (event("a"), event("b"), FINISH, DONE)))
                await connection.gone()
                return None
            case "cut":
                return await connection.send(head(), chunk(event("a")))
            case "reset":
                await connection.send(head(), chunk(event("a")))
                return connection.reset()
            case _:
                await connection.send(head(), *[chunk(event("a"))] * 5)
                await connection.gone()
                return None


@pytest.mark.skipif(sys.platform != "linux", reason="open files and memory are read from /proc")
async def test_10_000_streams_of_mixed_endings_leave_nothing() -> None:
    async with serving(script) as server:
        nobody = f"http://127.0.0.1:{port_of_nobody()}"
        arguments = (server.url, nobody, ",".join(ENDINGS))
        stdout, stderr, _ = await child("-W", "error", "-c", CLIENT, *arguments, seconds=280)
        assert stderr == ""
        found: dict[str, Any] = json.loads(stdout)
        async with asyncio.timeout(30):
            while not all(one.writer.transport.is_closing() for one in server.connections):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    assert [tuple(outcome) for outcome in found["outcomes"]] == sorted(
        (
            ending,
            {"cut": "ConnectionLost", "reset": "ConnectionLost", "refused": "Overloaded", "nobody": "ConnectError"}.get(
                ending, ""
            ),
        )
        for ending in ENDINGS
    )
    start, warm, _, end = found["samples"]
    assert end["tasks"] == 0
    assert end["files"] == start["files"]
    assert end["objects"] - warm["objects"] < 200
    assert end["memory"] - warm["memory"] < 2 << 20
    assert found["garbage"] == 0


ENDS = {
    "a loop that ends": """
async def main():
    print((await asking(url, http).stream(ASK).pipe(accumulate())).text)
asyncio.run(main())
""",
    "a loop that ends in the middle": """
async def main():
    reader = asking(url, http).open(ASK)
    print((await anext(reader)) and "ab")
asyncio.run(main())
""",
    "a subscription that nobody left": """
async def main():
    seen = asyncio.Event()
    asking(url, http).stream(ASK).subscribe(lambda _: seen.set())
    await seen.wait()
    print("ab")
asyncio.run(main())
""",
    "two loops, one after the other": """
async def main():
    return (await asking(url, http).stream(ASK).pipe(accumulate())).text
assert asyncio.run(main()) == asyncio.run(main())
print("ab")
""",
    "no loop at all": """
print(asking(url, http).stream(ASK).pipe(accumulate()).run().text)
""",
    "the pipeline's own loop": """
pipeline = StreamPipelineBuilder.source(asking(url, http).source).pipe(accumulate()).build()
print(pipeline.run(ASK).text)
""",
    "a subscription on the library's loop": """
seen = threading.Event()
asking(url, http).stream(ASK).subscribe(lambda _: seen.set())
seen.wait()
print("ab")
""",
    "a pool that is dropped while its loop goes on": """
async def main():
    for _ in range(3):
        text = (await asking(url, Http(ssl_context=tls)).stream(ASK).pipe(accumulate())).text
        gc.collect()
        await asyncio.sleep(0.01)
    print(text)
asyncio.run(main())
""",
    "pools that are dropped as their loops end": """
async def main():
    await asking(url.replace("finished", "open"), Http(ssl_context=tls)).stream(ASK)
for _ in range(20):
    asyncio.run(main())
print("ab")
""",
    "a pool that two close": """
async def main():
    pipeline = asking(url, http)
    text = (await pipeline.stream(ASK).pipe(accumulate())).text
    await asyncio.gather(http.aclose(), pipeline.aclose(), http.aclose())
    print(text)
asyncio.run(main())
""",
    "a subscriber that ends the script": """
def leave(_):
    print("ab", flush=True)
    sys.exit(0)
async def main():
    asking(url, http).stream(ASK).subscribe(leave)
    await asyncio.sleep(5)
asyncio.run(main())
""",
    "a reader that ends the script": """
async def main():
    async with asking(url, http).open(ASK) as reader:
        async for _ in reader:
            print("ab")
            sys.exit(0)
asyncio.run(main())
""",
}
BEGIN = """
import asyncio, gc, ssl, sys, threading
from tests.sources.asking import child, ASK, asking
from tokenrill import Http, StreamPipelineBuilder, accumulate
url, authority = sys.argv[1:]
tls = ssl.create_default_context(cadata=authority) if authority else None
http = Http(ssl_context=tls)
"""


@pytest.mark.parametrize("secured", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("name", ENDS)
async def test_a_script_that_just_ends_warns_of_nothing(name: str, secured: bool) -> None:
    async with serving(script, tls=server_tls() if secured else None) as server:
        trusted = authority().cert_pem.bytes().decode() if secured else ""
        stdout, stderr, code = await child(
            *("-X", "dev", "-W", "error", "-c", BEGIN + ENDS[name], f"{server.url}/finished", trusted)
        )
        # On a busy machine asyncio's debug mode tells of slow callbacks, which no test can promise not to have.
        assert [line for line in stderr.splitlines() if not line.startswith("Executing <")] == []
        assert (stdout.strip(), code) == (b"ab", 0)
        assert KEY not in stdout.decode()
