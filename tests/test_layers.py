"""The rules of the house, read from the sources: who may import what, how long a file is, and how rooms are called.

Each rule is a function from sources to complaints, so that each can be shown to complain.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
MAX_LINES = 300
NAMELESS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "misc"}

LAYERS: Mapping[str, set[str]] = {
    "streams": set(),
    "operators": {"streams"},
    "sources": {"streams", "operators"},
    "sinks": {"streams", "operators"},
    "runners": {"streams", "operators", "sources", "sinks", "tokenrill"},
}
CLIENT = (
    "sources/http.py",
    "sources/connections.py",
    "sources/outgoing.py",
    "sources/body.py",
    "sources/gathering.py",
    "sources/pushed.py",
    "sources/http_errors.py",
)
HOME: Mapping[str, tuple[str, ...]] = {
    "aiohttp": CLIENT,
    "aiohttp.web": ("runners/",),
    "yarl": (*CLIENT, "runners/"),
    "ujson": ("streams/codec.py",),
    "msgspec.json": ("streams/codec.py",),
    "rich": ("sinks/console.py", "runners/"),
    "click": ("runners/",),
    "pybreaker": ("streams/circuit.py", "operators/fleet/"),
    "redis": ("operators/fleet/link.py",),
}
ONE_FILE_EACH = ("botocore", "google", "isal", "tiktoken")


@dataclass(frozen=True)
class Source:
    """A file of the package: where it is, seen from the root, and what it says."""

    path: PurePosixPath
    text: str

    @property
    def room(self) -> str:
        """The folder at the root that holds it; a file of the root itself is in ``tokenrill``."""
        return self.path.parts[0] if len(self.path.parts) > 1 else "tokenrill"

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    @cached_property
    def imports(self) -> list[tuple[int, str]]:
        """Each import as (line, what), with relative names resolved: ``tokenrill.streams.tokens.TextDelta``."""
        statements = (node for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom | ast.Call))
        return [(node.lineno, name) for node in statements for name in self.imported(node)]

    @cached_property
    def uses(self) -> list[tuple[int, str]]:
        """The imports, and what is reached through them: ``import msgspec; msgspec.json.decode``."""
        aliases = (alias for node in self.nodes if isinstance(node, ast.Import) for alias in node.names)
        modules = {
            (it.asname or it.name.split(".")[0]): (it.name if it.asname else it.name.split(".")[0]) for it in aliases
        }
        reached = [
            (node.lineno, f"{modules[node.value.id]}.{node.attr}")
            for node in self.nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules
        ]
        return [*self.imports, *reached]

    def imported(self, node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module, names, level):
                yield from (f"{self.resolve(module or '', level or 0)}.{alias.name}" for alias in names)
            case ast.Call(func=ast.Name("__import__" | "import_module"), args=[ast.Constant(str(name)), *_]):
                yield name
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(str(name)), *_]):
                yield name
            case _:
                pass

    def resolve(self, module: str, level: int) -> str:
        if not level:
            return module
        package = ("tokenrill", *self.path.parent.parts)
        if level > len(package):
            raise ImportError(f"{self.path}: {'.' * level}{module} is outside the package")
        return ".".join((*package[: len(package) - level + 1], *filter(None, (module,))))


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def check_direction(source: Source) -> Iterator[str]:
    """A room imports itself and the rooms below it."""
    if source.room == "tokenrill":
        return
    for line, name in source.imports:
        if not within(name, "tokenrill"):
            continue
        second = name.split(".")[1] if "." in name else ""
        room = second if second in LAYERS else "tokenrill"
        if room != source.room and room not in LAYERS[source.room]:
            yield f"{source.path}:{line}: {source.room} must not import {name}"


def check_relative(source: Source) -> Iterator[str]:
    """Inside the package imports are relative, so that any tool can follow them without an install."""
    for node in source.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            for name in source.imported(node):
                if within(name, "tokenrill"):
                    yield f"{source.path}:{node.lineno}: import {name} relatively"


def check_homes(source: Source) -> Iterator[str]:
    """A third party stays in its room; the longest name in the table counts."""
    for line, name in source.uses:
        known = max((module for module in HOME if within(name, module)), key=len, default=None)
        if known is not None and not any(is_in(source.path, home) for home in HOME[known]):
            yield f"{source.path}:{line}: {name} belongs in {' or '.join(HOME[known])}"


def is_in(path: PurePosixPath, home: str) -> bool:
    return str(path).startswith(home) if home.endswith("/") else str(path) == home


def check_length(source: Source) -> Iterator[str]:
    """A file fits in a head."""
    lines = len(source.text.splitlines())
    if lines > MAX_LINES:
        yield f"{source.path} has {lines} lines: split it, {MAX_LINES} is the limit"


def check_name(source: Source) -> Iterator[str]:
    """A room is called after what is in it."""
    for part in source.path.with_suffix("").parts:
        if part.strip("_") in NAMELESS:
            yield f"{source.path}: {part!r} says nothing of what is inside"


def check_one_file_each(sources: list[Source]) -> Iterator[str]:
    """A vendor's library is known to one file."""
    for module in ONE_FILE_EACH:
        users = sorted({str(source.path) for source in sources for _, name in source.imports if within(name, module)})
        if len(users) > 1:
            yield f"{module} belongs in one file, not in {', '.join(users)}"


RULES = (check_direction, check_relative, check_homes, check_length, check_name)


def sources_in(*rooms: str) -> list[Source]:
    files = [*ROOT.glob("*.py"), *(file for room in rooms for file in (ROOT / room).rglob("*.py"))]
    return [Source(PurePosixPath(file.relative_to(ROOT).as_posix()), file.read_text("utf-8")) for file in sorted(files)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Callable[[Source], Iterator[str]]) -> None:
    sources = sources_in(*LAYERS)
    assert len(sources) > 20
    assert [complaint for source in sources for complaint in rule(source)] == []


def test_a_vendors_library_is_known_to_one_file() -> None:
    assert list(check_one_file_each(sources_in(*LAYERS))) == []


@pytest.mark.parametrize("rule", [check_length, check_name], ids=lambda rule: rule.__name__)
def test_tests_and_benchmarks_keep_the_rule(rule: Callable[[Source], Iterator[str]]) -> None:
    assert [complaint for source in sources_in("tests", "benchmarks") for complaint in rule(source)] == []


def complaints(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> int:
    return len(list(rule(Source(PurePosixPath(path), text))))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("streams/tokens.py", "from .parts import Text", 0),
        ("streams/tokens.py", "from ..operators import accumulate", 1),
        ("streams/tokens.py", "from .. import operators", 1),
        ("streams/tokens.py", "from .. import TextDelta", 1),
        ("streams/tokens.py", "import tokenrill", 1),
        ("streams/tokens.py", "def f():\n    from ..sources.http import Http", 1),
        (
            "streams/tokens.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..sinks import console",
            1,
        ),
        ("streams/tokens.py", "from importlib import import_module\nimport_module('tokenrill.sinks.console')", 1),
        ("operators/_decode.py", "from ..streams.sse import SseEvent\nfrom ._transduce import transduce", 0),
        ("operators/_decode.py", "from ..sources.dialect import Dialect", 1),
        ("sources/dialects/openai_chat/render.py", "from ....streams.tokens import TextDelta", 0),
        ("sources/dialects/openai_chat/render.py", "from ...dialect import Dialect", 0),
        ("sources/dialects/openai_chat/__init__.py", "from ....sinks.console import console", 1),
        ("sinks/console.py", "from ..sources.http import Http", 1),
        ("sinks/console.py", "from ..operators import transduce", 0),
        ("runners/cli/main.py", "from ...sources.http import Http\nfrom ... import __version__", 0),
        ("__init__.py", "from .runners import cli", 0),
    ],
)
def test_imports_that_point_up_are_seen(path: str, text: str, expected: int) -> None:
    assert complaints(check_direction, path, text) == expected


def test_an_import_that_leaves_the_package_is_an_error() -> None:
    with pytest.raises(ImportError, match="outside the package"):
        complaints(check_direction, "streams/tokens.py", "from ... import anything")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("from .parts import Text", 0), ("from tokenrill.streams import parts", 1), ("import tokenrill.streams", 1)],
)
def test_absolute_imports_of_ours_are_seen(text: str, expected: int) -> None:
    assert complaints(check_relative, "streams/tokens.py", text) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("sources/http.py", "import aiohttp\nfrom yarl import URL\naiohttp.ClientSession()", 0),
        ("sources/provider.py", "import aiohttp", 1),
        ("sources/provider.py", "from yarl import URL", 1),
        ("sources/http.py", "from aiohttp import web", 1),
        ("sources/http.py", "import aiohttp\naiohttp.web.Application()", 1),
        ("runners/gateway.py", "from aiohttp import web\nfrom aiohttp.web import Application\nfrom yarl import URL", 0),
        ("runners/gateway.py", "from aiohttp import web, ClientSession", 1),
        ("runners/gateway.py", "import aiohttp.web\naiohttp.ClientSession()", 1),
        ("streams/codec.py", "import ujson, msgspec\nmsgspec.json.Decoder(int)", 0),
        ("streams/tokens.py", "import ujson", 1),
        ("streams/tokens.py", "import msgspec.json", 1),
        ("streams/tokens.py", "from msgspec.json import decode", 1),
        ("streams/tokens.py", "import msgspec\nmsgspec.json.decode(b'1')", 1),
        ("streams/tokens.py", "import msgspec as m\nm.json.decode(b'1')", 1),
        ("streams/tokens.py", "from msgspec import Struct\nfrom msgspec.structs import replace", 0),
        ("sinks/console.py", "def f():\n    from rich.live import Live", 0),
        ("sinks/console.py", "import click", 1),
        ("sinks/metrics.py", "from rich.live import Live", 1),
        ("runners/cli.py", "import click, rich", 0),
    ],
)
def test_a_third_party_outside_its_room_is_seen(path: str, text: str, expected: int) -> None:
    assert complaints(check_homes, path, text) == expected


@pytest.mark.parametrize(("lines", "expected"), [(MAX_LINES, 0), (MAX_LINES + 1, 1)])
def test_a_file_that_is_too_long_is_seen(lines: int, expected: int) -> None:
    assert complaints(check_length, "streams/tokens.py", "pass\n" * lines) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [("streams/utils.py", 1), ("streams/_helpers.py", 1), ("common/tokens.py", 1), ("streams/database.py", 0)],
)
def test_a_nameless_room_is_seen(path: str, expected: int) -> None:
    assert complaints(check_name, path, "") == expected


def test_a_vendors_library_in_two_files_is_seen() -> None:
    aws = Source(PurePosixPath("sources/aws.py"), "def sign():\n    import botocore.auth")
    other = Source(PurePosixPath("sources/bedrock.py"), "from botocore.session import get_session")
    assert list(check_one_file_each([aws])) == []
    assert list(check_one_file_each([aws, other])) == [
        "botocore belongs in one file, not in sources/aws.py, sources/bedrock.py"
    ]
