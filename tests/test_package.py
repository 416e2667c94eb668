"""What is shipped: the packages, the wheel, the face of ``import tokenrill``, and the locks."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tokenrill

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
NOT_SHIPPED = {"tests", "benchmarks", "notebooks", "docs", "deploy", "build", "dist", "requirements"}
EXTRAS = (
    "botocore",
    "click",
    "google",
    "IPython",
    "isal",
    "opentelemetry",
    "prometheus_client",
    "ray",
    "redis",
    "rich",
    "tiktoken",
)


def packages_in(root: Path) -> set[str]:
    """Every package of ours under the root, by its dotted name."""
    folders = (path.parent.relative_to(root) for path in shipped(root) if path.name == "__init__.py")
    return {".".join(("tokenrill", *folder.parts)) for folder in folders}


def shipped(root: Path) -> Iterator[Path]:
    for path in root.iterdir():
        if path.name in NOT_SHIPPED or path.name.startswith(".") or path.suffix == ".egg-info":
            continue
        yield from path.rglob("*.py") if path.is_dir() else [path]


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(code: str, *arguments: str | Path) -> str:
    return run(sys.executable, "-c", code, *arguments)


def test_every_package_is_listed_for_setuptools() -> None:
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages_in(ROOT)


def test_a_package_that_is_not_listed_is_seen(tmp_path: Path) -> None:
    for folder in ("", "streams", "sources/dialects", "tests", ".venv/lib"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "__init__.py").touch()
    assert packages_in(tmp_path) == {"tokenrill", "tokenrill.streams", "tokenrill.sources.dialects"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked. It is built from the sdist, as installers do, and from a copy: the checkout stays clean."""
    source, work = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("work")
    ignored = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, source, dirs_exist_ok=True, ignore=ignored)
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", build, work, cwd=source)
    (archive,) = work.glob("tokenrill-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel", "--no-index")
    unpacked = work / archive.name.removesuffix(".tar.gz")
    run(*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", work, unpacked)
    with zipfile.ZipFile(next(work.glob("tokenrill-*.whl"))) as archived:
        archived.extractall(work / "wheel")
    return work / "wheel"


def test_the_wheel_holds_each_file_of_each_package_and_nothing_else(wheel: Path) -> None:
    packages = {name.replace(".", "/").partition("/")[2] for name in packages_in(ROOT)}
    wanted = {file.name for file in ROOT.glob("*.py")} | {"py.typed", "__init__.pyi"}
    for package in packages - {""}:
        wanted |= {str(file.relative_to(ROOT)) for file in (ROOT / package).iterdir() if file.is_file()}
    held = {str(file.relative_to(wheel / "tokenrill")) for file in (wheel / "tokenrill").rglob("*") if file.is_file()}
    assert held == wanted
    assert sorted(path.name for path in wheel.iterdir()) == [
        "tokenrill",
        f"tokenrill-{tokenrill.__version__}.dist-info",
    ]


def test_an_installed_wheel_imports(wheel: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tokenrill import *; print(sys.modules['tokenrill'].__file__)"
    )
    assert python(code, wheel).strip() == str(wheel / "tokenrill" / "__init__.py")


def test_the_metadata_says_what_the_package_says(wheel: Path) -> None:
    metadata = next(wheel.glob("*.dist-info/METADATA")).read_text("utf-8")
    assert f"\nVersion: {tokenrill.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_importing_touches_no_network_and_loads_no_third_party() -> None:
    code = """
import sys
sys.addaudithook(lambda event, _: event.startswith("socket.") and sys.exit(event))
before = set(sys.modules)
import tokenrill
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))
"""
    assert python(code).split() == ["tokenrill"]


def test_every_public_name_is_there() -> None:
    assert [name for name in tokenrill.__all__ if getattr(tokenrill, name) is None] == []
    assert set(tokenrill.__all__) < set(dir(tokenrill))


def test_without_the_extras_a_public_name_is_there_or_says_what_to_install() -> None:
    code = """
import sys
sys.addaudithook(lambda event, _: event.startswith(("socket.connect", "socket.getaddrinfo")) and sys.exit(event))
sys.modules.update(dict.fromkeys(sys.argv[1:]))
import tokenrill
for name in tokenrill.__all__:
    try:
        getattr(tokenrill, name)
    except ImportError as error:
        print(error)
"""
    complaints = python(code, *EXTRAS).splitlines()
    asked = [re.search(r"pip install 'tokenrill\[(\w+)\]'$", complaint) for complaint in complaints]
    assert {found and found[1] for found in asked} <= set(PROJECT["project"]["optional-dependencies"]), complaints


def test_type_checkers_see_the_names_that_are_there() -> None:
    stub = ast.parse((ROOT / "__init__.pyi").read_text("utf-8"))
    imported = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    found = {(alias.name, node.module) for node in imported for alias in node.names if alias.asname == alias.name}
    home: dict[str, str] = vars(tokenrill)["HOME"]
    assert found == set(home.items())


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tokenrill' has no attribute 'nothing'"):
        _ = tokenrill.nothing  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Each pinned package of a lock: its version, and how many hashes it has."""
    entries = re.split(r"^(?=\w)", (ROOT / "requirements" / lock).read_text("utf-8"), flags=re.MULTILINE)
    found = (re.match(r"([\w.-]+)==([\w.!+]+)", entry) for entry in entries)
    return {it[1]: (it[2], it.string.count("--hash=sha256:")) for it in found if it}


def wanted(*extras: str, group: str) -> list[Requirement]:
    project = PROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    lines += [line for line in PROJECT["dependency-groups"][group] if isinstance(line, str)]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(
    ("lock", "extras", "group"), [("test.txt", ("cli", "notebook"), "test"), ("demo.txt", ("cli",), "build")]
)
def test_the_lock_holds_what_pyproject_asks_for(lock: str, extras: tuple[str, ...], group: str) -> None:
    pinned = pins(lock)
    missing = [
        str(it)
        for it in wanted(*extras, group=group)
        if pinned.get(canonicalize_name(it.name), ("0", 0))[0] not in it.specifier
    ]
    assert missing == [], "run make lock"
    assert [name for name, (_, hashes) in pinned.items() if not hashes] == []


def test_both_locks_pin_the_same_versions_and_name_no_registry() -> None:
    assert pins("demo.txt").items() <= pins("test.txt").items()
    for lock in (ROOT / "requirements").iterdir():
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock.read_text("utf-8")), lock
