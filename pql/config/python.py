"""Functions of `python` measures, loaded from the project's signals/ folder by path."""

import sys
import traceback
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path as FilePath
from types import CodeType, ModuleType
from typing import Any

import pandas as pd

from pql.config.files import Files
from pql.config.translate import near
from pql.config.yaml import Document, Path
from pql.domain.measures import Measure
from pql.domain.measures.function import Formula, Function


class _FreshLoader(SourceFileLoader):
    """Reads the source each time: neither stale byte code, nor files that appear in the team's folder."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class Functions:
    """The functions of a project's Python files; each file is run once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._modules: dict[str, ModuleType | None] = {}

    def load(self, measure: Measure, document: Document, at: Path) -> Measure:
        """The measure with its function, and with those of the measures that it uses.

        What cannot be loaded becomes a problem of the files, and is left unloaded.
        """
        if not isinstance(measure, Function):
            return measure
        uses = {name: self.load(used, document, (*at, "uses", name)) for name, used in measure.uses.items()}
        return replace(measure, uses=uses, formula=self._formula(replace(measure, uses=uses), document, at))

    @property
    def paths(self) -> tuple[str, ...]:
        """The Python files that measures name, sorted."""
        return tuple(sorted(self._modules))

    def _formula(self, measure: Function, document: Document, at: Path) -> Formula | None:
        name, _, function = measure.call.partition(":")
        path = f"signals/{name}"
        if not name.endswith(".py") or not function.isidentifier():
            message = f"'call: {measure.call}' names no function"
            self._note(document, at, "C018", message, "write file.py:function")
            return None
        if not self._files.exists(path) or not self._files.inside(path, "signals"):
            known = [known.removeprefix("signals/") for known in self._files.names("signals") if known.endswith(".py")]
            self._note(document, at, "C025", f"there is no file {path}", near(name, known))
            return None
        module = self._module(path)
        if module is None:
            return None
        formula = getattr(module, function, None)
        if not callable(formula):
            known = [known for known, value in vars(module).items() if callable(value)]
            self._note(document, at, "C025", f"{path} has no function '{function}'", near(function, known))
            return None
        return self._tried(formula, measure, path)

    def _note(self, document: Document, at: Path, code: str, message: str, hint: str = "") -> None:
        self._files.problems.append(document.problem((*at, "call"), code, message, hint))

    def _module(self, path: str) -> ModuleType | None:
        if path not in self._modules:
            self._modules[path] = self._run(path)
        return self._modules[path]

    def _run(self, path: str) -> ModuleType | None:
        file = self._files.folder / path
        # Named by its path, so that two projects in one process do not share modules.
        name = f"pql_project_{abs(hash(str(file.resolve()))):x}"
        module = ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module  # dataclasses look their module up there
        try:
            _FreshLoader(name, str(file)).exec_module(module)
        # The file is the team's code: whatever it raises is told as its fault.
        except (Exception, SystemExit) as exc:  # noqa: BLE001
            self._fails(path, file, exc, "")
            return None
        return module

    def _tried(self, formula: Any, measure: Function, path: str) -> Formula | None:
        """The function, once it has given two leads a number each."""
        index = pd.Index(["lead one", "lead two"])
        frame = pd.DataFrame({name: [1.0, float("nan")] for name in measure.uses}, index=index)
        file = self._files.folder / path
        try:
            given = formula(frame)
            whole = isinstance(given, pd.Series) and given.index.equals(index)
            if whole:
                given.astype(float)
        except (Exception, SystemExit) as exc:  # noqa: BLE001
            self._fails(path, file, exc, f"{measure.call} fails on two sample leads: ")
            return None
        if not whole:
            line = getattr(getattr(formula, "__code__", None), "co_firstlineno", 1)
            message = f"{measure.call} must return a Series with the index of the frame that it gets"
            self._files.problem(path, "C026", message, line=line)
            return None
        loaded: Formula = formula
        return loaded

    def _fails(self, path: str, file: FilePath, exc: BaseException, what: str) -> None:
        line, column = _blamed(exc, str(file))
        self._files.problem(path, "C026", f"{what}{type(exc).__name__}: {_words(exc)}", line=line, column=column)


def _blamed(exc: BaseException, file: str) -> tuple[int, int]:
    if isinstance(exc, SyntaxError) and exc.filename == file:
        return exc.lineno or 1, exc.offset or 1
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == file]
    return (lines[-1] if lines and lines[-1] else 1), 1


def _words(exc: BaseException) -> str:
    return (exc.msg if isinstance(exc, SyntaxError) else str(exc)) or "no message"
