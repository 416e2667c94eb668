"""Every example runs: those in docstrings, and those in README.md, CONTRIBUTING.md and docs/. None needs a network."""

from __future__ import annotations

import ast
import asyncio
import doctest
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import iscoroutine
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("streams", "operators", "sources", "sinks", "runners")
EXTRAS = {"rich": "cli", "click": "cli", "IPython": "notebook", "ipykernel": "notebook"}
DOCUMENTS = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))]
FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>```+)\s*(?P<language>\w*)")
NOT_RUN = re.compile(r"<!--\s*not run:\s*(?P<reason>.*?)\s*-->")
FILE = re.compile(r"# (?P<room>[\w/]+)/\w+\.py\s")


@dataclass(frozen=True)
class Block:
    """One fenced example: the number of its first line, its code, and why it is not run (None: it is)."""

    line: int
    code: str
    not_run: str | None = None


def python_blocks(text: str) -> Iterator[Block]:
    """The ``python`` examples of a Markdown text, in order."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        if not (opened := FENCE.match(lines[at])):
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == opened["fence"]), len(lines))
        if opened["language"].lower() in ("python", "py"):
            marked = NOT_RUN.fullmatch(lines[at - 1].strip()) if at else None
            code = "\n".join(line.removeprefix(opened["indent"]) for line in lines[at + 1 : end])
            yield Block(at + 2, code, marked["reason"] if marked else None)
        at = end + 1


def run_blocks(blocks: list[Block], name: str, module: ModuleType) -> None:
    """Run the examples of one document in one namespace, and on one event loop where they await.

    A block that begins with a comment such as ``# operators/_shout.py`` is run as that file of the package,
    so that it may import relatively; the examples in its docstrings are run at the end.
    """
    with asyncio.Runner() as runner:
        for block in blocks:
            if block.not_run is not None:
                assert block.not_run, f"{name}:{block.line - 2}: say why it is not run"
                continue
            file = FILE.match(block.code)
            module.__package__ = f"tokenrill.{file['room'].replace('/', '.')}" if file else None
            placed = "\n" * (block.line - 1) + block.code + "\n"
            code: Any = compile(placed, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            if iscoroutine(result := eval(code, module.__dict__)):
                runner.run(result)
    run_docstrings(module)


def run_docstrings(module: ModuleType) -> int:
    """Run the examples in a module's docstrings; answer how many there were.

    Raises:
        AssertionError: When one gives something else than it says.
    """
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__):
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
    return runner.tries


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("tokenrill", *(part for part in parts if part != "__init__")))


def modules_with_examples() -> list[str]:
    files = [*ROOT.glob("*.py"), *(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))]
    return [module_name(file) for file in sorted(files) if ">>> " in file.read_text("utf-8")]


def import_or_skip(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in EXTRAS:
            raise
        pytest.skip(f"{name} needs {missing}: pip install 'tokenrill[{EXTRAS[missing]}]'")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to leave this machine, so that an example cannot come to need a network unseen."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not ip_address(address[0]).is_loopback:
            pytest.fail(f"an example connects to {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def as_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """An empty module that classes can be defined in, run from an empty folder."""
    monkeypatch.chdir(tmp_path)
    module = ModuleType("examples")
    monkeypatch.setitem(sys.modules, "examples", module)
    return module


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module_run(name: str) -> None:
    assert run_docstrings(import_or_skip(name)) > 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_document_run(document: Path, as_module: ModuleType) -> None:
    blocks = list(python_blocks(document.read_text("utf-8")))
    run_blocks(blocks, document.name, as_module)


def test_blocks_share_a_namespace_and_may_await(as_module: ModuleType) -> None:
    text = "```python\nimport asyncio\nx = 1\n```\ntext\n   ```python\n   x += 1\n   await asyncio.sleep(0)\n   ```\n"
    run_blocks(list(python_blocks(text)), "made-up.md", as_module)
    assert as_module.__dict__["x"] == 2


def test_a_block_that_fails_tells_its_line(as_module: ModuleType) -> None:
    blocks = list(python_blocks("# Title\n\n```python\nx = 1\nx.nothing\n```\n"))
    with pytest.raises(AttributeError) as raised:
        run_blocks(blocks, "made-up.md", as_module)
    assert [(str(entry.path), entry.lineno + 1) for entry in raised.traceback][-1] == ("made-up.md", 5)


def test_a_block_may_say_why_it_is_not_run(as_module: ModuleType) -> None:
    text = "<!-- not run: needs a key -->\n```python\nraise SystemExit\n```\n```bash\nexit 1\n```\n"
    blocks = list(python_blocks(text))
    assert [block.not_run for block in blocks] == ["needs a key"]
    run_blocks(blocks, "made-up.md", as_module)


def test_a_block_must_say_why_it_is_not_run(as_module: ModuleType) -> None:
    blocks = list(python_blocks("<!-- not run: -->\n```python\nraise SystemExit\n```\n"))
    with pytest.raises(AssertionError, match=r"made-up\.md:1: say why"):
        run_blocks(blocks, "made-up.md", as_module)


def test_a_block_can_be_a_file_of_the_package(as_module: ModuleType) -> None:
    text = """
```python
# streams/made_up.py
from .tokens import TextDelta

def two():
    '>>> two()\\n%s'
    return 2
```
"""
    run_blocks(list(python_blocks(text % "2")), "made-up.md", as_module)
    assert as_module.__dict__["TextDelta"].__module__ == "tokenrill.streams.tokens"
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run_blocks(list(python_blocks(text % "3")), "made-up.md", as_module)


def test_an_example_that_wants_a_network_is_seen() -> None:
    with pytest.raises(pytest.fail.Exception, match="an example connects to"), socket.socket() as client:
        client.connect(("192.0.2.1", 80))
