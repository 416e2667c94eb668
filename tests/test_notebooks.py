"""Every notebook runs from top to bottom, offline, and is kept without its outputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks need nbformat")
nbclient = pytest.importorskip("nbclient", reason="notebooks are run by nbclient")
kernelspec = pytest.importorskip("ipykernel.kernelspec", reason="notebooks need ipykernel")

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

# Whoever asks for another machine gets an error, in the kernel, where no fixture of ours reaches.
OFFLINE = """
import sys

def forbid(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost"):
        raise RuntimeError("a notebook asked for another machine")

sys.addaudithook(forbid)
sys.executable
"""


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture(autouse=True)
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel of this very interpreter, that writes nothing outside of the test's directory."""
    kernelspec.write_kernel_spec(str(tmp_path / "kernels" / "python3"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def run(notebook: Any, folder: Path) -> Any:
    notebook.cells.insert(0, nbformat.v4.new_code_cell(OFFLINE))
    resources = {"metadata": {"path": str(folder)}}
    done = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60, resources=resources).execute()
    assert done.cells[0].outputs[0]["data"]["text/plain"] == repr(sys.executable)
    return done


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output["text"] for output in outputs if output.output_type == "stream")


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    done = run(read(path), tmp_path)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]


def test_the_first_notebook_shows_the_same_reply_however_it_is_cut(tmp_path: Path) -> None:
    path = next(path for path in NOTEBOOKS if path.stem == "01-first-stream")
    said = printed(run(read(path), tmp_path))
    assert said.count("Déjà vu 🦜!\n") == 3
    assert "until then: " in said


def test_a_notebook_that_asks_the_network_fails(tmp_path: Path) -> None:
    asks = "import socket\nsocket.create_connection(('example.com', 80))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(asks)])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="asked for another machine"):
        run(notebook, tmp_path)
