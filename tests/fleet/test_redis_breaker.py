"""One view of who is down, for several processes, on a real Redis that may die."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import reactivex as rx

from tests.fleet.server import RedisServer, until
from tokenrill import BreakerState, CircuitOpen, ConnectError, RedisBreaker, TextDelta, circuit_break
from tokenrill.streams.circuit_breaker import Admission, PendingAdmission


@asynccontextmanager
async def breakers(server: RedisServer, count: int = 2, **options: Any) -> AsyncGenerator[list[RedisBreaker]]:
    numbers: dict[str, Any] = {
        "failures": 3,
        "reset_after": 60.0,
        "refresh_every": 0.02,
        "timeout": 2.0,
        "retry_every": 0.05,
    }
    made = [RedisBreaker(server.url, **{**numbers, **options}) for _ in range(count)]
    try:
        yield made
    finally:
        for breaker in made:
            await breaker.aclose()


def enter(breaker: RedisBreaker) -> Admission:
    admission = breaker.admit("openai")
    assert not isinstance(admission, PendingAdmission)
    return admission


async def enter_late(breaker: RedisBreaker) -> Admission:
    admission = breaker.admit("openai")
    return await admission.arrive() if isinstance(admission, PendingAdmission) else admission


async def is_now(state: str, *those: RedisBreaker) -> None:
    await until(lambda: all(breaker.state("openai") == state for breaker in those))


async def test_what_one_process_finds_out_another_knows(redis_server: RedisServer) -> None:
    async with breakers(redis_server) as (one, other):
        for breaker in (one, other, one):  # in a row, over all
            enter(breaker).failed(ConnectError("gone"))
        await is_now("open", one, other)
        for breaker in (one, other):
            with pytest.raises(CircuitOpen) as caught:
                breaker.admit("openai")
            assert caught.value.retry_after == pytest.approx(60, abs=15)
        assert one.state("anthropic") == other.state("anthropic") == "closed"


async def test_a_success_anywhere_begins_the_count_anew(redis_server: RedisServer) -> None:
    async with breakers(redis_server, count=1) as (breaker,):
        for verdict in "ffsff":
            admission = enter(breaker)
            admission.succeeded() if verdict == "s" else admission.failed(ConnectError("gone"))
        await breaker.aclose()  # all is told
        assert breaker.state("openai") == "closed"
        enter(breaker).failed(ConnectError("gone"))
        await is_now("open", breaker)


@pytest.mark.parametrize("probes", [1, 3])
async def test_probes_are_limited_over_all_processes(redis_server: RedisServer, probes: int) -> None:
    async with breakers(redis_server, count=3, failures=1, reset_after=0.05, probes=probes) as crew:
        enter(crew[0]).failed(ConnectError("gone"))
        await until(lambda: all(breaker.state("openai") != "closed" for breaker in crew))
        await until(lambda: all(is_over(breaker) for breaker in crew))
        outcomes = await asyncio.gather(*[enter_late(breaker) for breaker in crew * 10], return_exceptions=True)
        admitted = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        assert len(admitted) == probes
        assert all(isinstance(outcome, CircuitOpen) for outcome in outcomes if isinstance(outcome, BaseException))
        for admission in admitted:
            admission.abandoned()  # says nothing, and frees the place
        again = [await placed(crew[-1]) for _ in range(probes)]
        for admission in again:
            admission.succeeded()
        await is_now("closed", *crew)


def is_over(breaker: RedisBreaker) -> bool:
    try:
        breaker.check("openai")
    except CircuitOpen:
        return False
    return True


async def placed(breaker: RedisBreaker) -> Admission:
    """A probe's place, as soon as there is one."""
    for _ in range(2_000):
        try:
            return await enter_late(breaker)
        except CircuitOpen:
            await asyncio.sleep(0.005)
    raise AssertionError("there never was a place")


async def test_a_probe_that_fails_opens_it_again_for_all(redis_server: RedisServer) -> None:
    async with breakers(redis_server, failures=1, reset_after=0.05) as (one, other):
        changes: list[BreakerState] = []
        enter(one).failed(ConnectError("gone"))
        await until(lambda: other.state("openai") != "closed")
        probe = await placed(other)
        await is_now("half_open", one, other)
        one.changes.subscribe(changes.append)
        probe.failed(ConnectError("still gone"))
        await until(lambda: BreakerState("fleet:openai", "open") in changes)


async def test_it_goes_on_alone_while_redis_is_dead_and_comes_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "tokenrill")
    async with breakers(redis_server) as (one, other):
        enter(one).succeeded()
        enter(other).succeeded()
        redis_server.kill()
        await until(lambda: not one.connected and not other.connected)
        for _ in range(3):
            enter(one).failed(ConnectError("gone"))
        assert one.state("openai") == "open"
        assert other.state("openai") == "closed"
        redis_server.start()
        await is_now("open", one, other)  # what was found out alone is told when Redis is back
        assert one.connected
        assert other.connected
    said = [record.message.split(" with")[0] for record in caplog.records]
    assert said.count("the circuit breaker fleet: Redis fails") == 2
    assert sum("is back" in message for message in said) == 2


async def test_a_redis_that_was_never_there_costs_nothing() -> None:
    breaker = RedisBreaker("redis://127.0.0.1:1", failures=2, refresh_every=0.01, timeout=0.5)
    for _ in range(2):
        enter(breaker).failed(ConnectError("gone"))
    await until(lambda: not breaker.connected)
    for _ in range(2):
        if breaker.state("openai") == "closed":
            enter(breaker).failed(ConnectError("gone"))
    await is_now("open", breaker)
    await breaker.aclose()


async def test_the_event_loop_never_talks_to_redis(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.connection import Connection

    threads: set[int] = set()
    send = cast(Any, Connection).send_packed_command

    def noted(self: Connection, *args: Any, **options: Any) -> None:
        threads.add(threading.get_ident())
        send(self, *args, **options)

    monkeypatch.setattr(Connection, "send_packed_command", noted)
    async with breakers(redis_server, count=1, failures=1) as (breaker,):
        stream = rx.throw(ConnectError("gone")).pipe(circuit_break(breaker))
        with pytest.raises(ConnectError):
            await stream
        await until(lambda: breaker.state("") == "open")
        with pytest.raises(CircuitOpen):
            await stream
    assert threads
    assert threading.get_ident() not in threads


async def test_a_probe_goes_through_the_operator(redis_server: RedisServer) -> None:
    async with breakers(redis_server, count=1, failures=1, reset_after=0.02) as (breaker,):
        operator = circuit_break(breaker)
        with pytest.raises(ConnectError):
            await rx.throw(ConnectError("gone")).pipe(operator)
        await until(lambda: breaker.state("") == "open")
        await until(lambda: not isinstance(refusal(breaker), CircuitOpen))
        assert await rx.of(TextDelta("back")).pipe(operator) == TextDelta("back")
        await until(lambda: breaker.state("") == "closed")


def refusal(breaker: RedisBreaker) -> CircuitOpen | None:
    try:
        breaker.check("")
    except CircuitOpen as error:
        return error
    return None
