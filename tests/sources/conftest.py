"""The two ways of delivering a body, and the loops it may come on: what is promised of one is promised of all."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from tokenrill.sources import gathering, outgoing

BOTH_DELIVERIES = {
    "test_back_pressure",
    "test_cancel",
    "test_cancel_moments",
    "test_http",
    "test_observers",
    "test_transport_errors",
}
ALSO_ON_UVLOOP = BOTH_DELIVERIES - {"test_cancel", "test_http"}


def module_of(definition: pytest.Function) -> str:
    return definition.path.stem


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if module_of(metafunc.definition) in BOTH_DELIVERIES and inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("delivery")
        metafunc.parametrize("delivery", ["pushed", "pulled"], indirect=True)


@pytest.fixture
def delivery(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How bodies are delivered in a test: from the transport, or as aiohttp does it, as with another aiohttp.

    Requests, too, are then sent as aiohttp sends them.
    """
    way: str = request.param
    if way == "pulled":
        monkeypatch.setitem(gathering.rehearsed, "aiohttp", False)
        monkeypatch.setitem(outgoing.rehearsed, "aiohttp", False)
    return way


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Function
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]] | None:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if module_of(item) in ALSO_ON_UVLOOP and find_spec("uvloop") is not None:
        import uvloop

        factories["uvloop"] = uvloop.new_event_loop
    return factories
