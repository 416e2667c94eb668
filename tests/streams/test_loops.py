"""The loop in a thread of our own: one for the process, a new one in a forked child, gone at the end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import CancelledError

import pytest
from reactivex.scheduler.eventloop import AsyncIOScheduler

from tokenrill.streams.loops import on_loop, require_no_loop, run_on_background, running_loop


async def where() -> str:
    return threading.current_thread().name


async def test_inside_a_loop_it_acts_at_once() -> None:
    loops: list[object] = []
    on_loop(lambda: loops.append(running_loop()))
    assert loops == [asyncio.get_running_loop()]


def test_a_given_loop_is_used_when_none_runs() -> None:
    loop = asyncio.new_event_loop()
    loops: list[object] = []

    def note() -> None:
        loops.append(running_loop())
        loop.stop()

    on_loop(note, AsyncIOScheduler(loop))
    assert loops == []
    loop.run_forever()
    loop.close()
    assert loops == [loop]


def test_threads_that_come_first_together_share_one_loop() -> None:
    loops: list[object] = []
    together = threading.Barrier(8)

    def come() -> None:
        together.wait(10)
        done = threading.Event()

        def note() -> None:
            loops.append(running_loop())
            done.set()

        on_loop(note)
        done.wait(10)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(loops) == 8
    assert len(set(map(id, loops))) == 1


def test_waiting_is_allowed_where_no_loop_runs() -> None:
    require_no_loop()
    assert running_loop() is None
    assert run_on_background(where) == "tokenrill"


async def fail() -> None:
    raise ZeroDivisionError


async def cancel() -> None:
    raise asyncio.CancelledError


def test_what_ends_badly_in_the_background_ends_badly_here() -> None:
    with pytest.raises(ZeroDivisionError):
        run_on_background(fail)
    with pytest.raises(CancelledError):
        run_on_background(cancel)


FORKING = """
import os, threading
from tokenrill.streams.loops import run_on_background

async def where():
    return threading.current_thread().name

assert run_on_background(where) == "tokenrill"
child = os.fork()
if child == 0:
    os._exit(0 if run_on_background(where) == "tokenrill" else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert run_on_background(where) == "tokenrill"
"""

LEAVING = """
import asyncio
from tokenrill.streams.loops import run_on_background

async def until_told():
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        print("cleaned up")

async def begin():
    begin.task = asyncio.create_task(until_told())
    await asyncio.sleep(0)

run_on_background(begin)
"""

AFTER_A_LOOK_UP = """
import asyncio
from tokenrill.streams.loops import run_on_background

async def look_up():
    return await asyncio.get_running_loop().getaddrinfo("localhost", 80)

print(len(run_on_background(look_up)) > 0)
"""


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    # A fork of a process with threads warns from 3.12 on: that it works is what is shown here.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", text]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_starts_a_loop_of_its_own() -> None:
    done = run_script(FORKING)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_end_of_the_program_ends_what_still_runs() -> None:
    done = run_script(LEAVING)
    assert (done.returncode, done.stdout, done.stderr) == (0, "cleaned up\n", "")


def test_a_loop_that_has_used_its_threads_ends_as_quietly() -> None:
    done = run_script(AFTER_A_LOOK_UP)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
