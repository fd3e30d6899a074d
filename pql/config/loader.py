"""A project's folder as checked values: reads every file, collects every problem, builds what is sound."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from pql.config.canonical import content_hash
from pql.config.checks import check_parts
from pql.config.environment import interpolate, written_secrets
from pql.config.files import Files, misplaced
from pql.config.parts import Entry, Parts
from pql.config.problems import ConfigProblems, Problem
from pql.config.python import Functions
from pql.config.settings import (
    EmailSettings,
    FileSettings,
    Notifiers,
    Project,
    SlackSettings,
    UsageSettings,
    WebhookSettings,
)
from pql.config.shapes import FILE_KINDS
from pql.config.shapes.base import Shape
from pql.config.shapes.channels import CHANNEL_FILES, ChannelFile
from pql.config.shapes.icp import IcpFile
from pql.config.shapes.people import CustomersFile, RoutingFile, StagesFile
from pql.config.shapes.project import ProjectFile
from pql.config.shapes.scoring import ScoringFile
from pql.config.shapes.signal import MomentFile, SignalFile
from pql.config.sql import relations, statements
from pql.config.translate import near, read_shape
from pql.config.yaml import Document, read_yaml
from pql.domain.definitions import Definitions

AnyShape = TypeVar("AnyShape", bound=Shape)


class TemplateFault(Protocol):
    """What is wrong with a message template; `path` is in the project, `line` counts from 1, 0 unknown."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def reason(self) -> str: ...


# Renders the templates of all channels against samples; the channels know how, and stand above this room.
TemplateCheck = Callable[[Mapping[str, Mapping[str, str]]], Iterable[TemplateFault]]


def load_project(folder: Path, environ: Mapping[str, str], templates: TemplateCheck | None = None) -> Project:
    """The project in a folder; see `pql.config.load`."""
    reader = _Reader(folder, environ)
    parts = reader.parts()
    problems = reader.problems(parts, templates)
    if problems:
        raise ConfigProblems(problems)
    return reader.build(parts)


def check_project(
    folder: Path, environ: Mapping[str, str], templates: TemplateCheck | None = None
) -> tuple[Problem, ...]:
    """All problems of the project in a folder; see `pql.config.check`."""
    reader = _Reader(folder, environ)
    problems = reader.problems(reader.parts(), templates)
    return tuple(sorted(set(problems)))


def rules_of(sources: Iterable[tuple[str, str]], now: Definitions) -> Definitions:
    """Definitions with the rules of kept files: signals, moments, fit, scoring, qualification and stages.

    Args:
        sources: `Definitions.sources` of then.
        now: For all that is no rule: routing, customers, the lead and the time zone.

    Raises:
        ConfigProblems: The files cannot be read any more.
    """
    # Python files are run from where they lie, so the files get a folder for a moment.
    with TemporaryDirectory(prefix="pql-rules-") as name:
        folder = Path(name).resolve()
        for path, text in sources:
            place = (folder / path).resolve()
            if place.is_relative_to(folder):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
        return _Reader(folder, {}).rules(now)


class _Reader:
    """One pass over a folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._files = Files(folder)
        self._environ = environ
        self._functions = Functions(self._files)
        self._documents: list[Document] = []

    def parts(self) -> Parts:
        """All that can be read."""
        if not self._files.folder.is_dir():
            self._files.problem(
                ".", "C001", f"there is no folder '{self._files.folder}'", "pql init DIR makes a project"
            )
            return _nothing(self._files)
        misplaced(self._files)
        signals, moments = self._definitions()
        channels, unset = self._channels()
        return Parts(
            files=self._files,
            pql=self._config("pql", ProjectFile),
            icp=self._config("icp", IcpFile),
            scoring=self._scoring(),
            stages=self._config("stages", StagesFile),
            routing=self._config("routing", RoutingFile),
            customers=self._customers(),
            signals=signals,
            moments=moments,
            channels=channels,
            unset=unset,
            relations=relations(self._files),
            statements=statements(self._files),
        )

    def rules(self, now: Definitions) -> Definitions:
        """Definitions with the folder's rules, and all else as it is now."""
        signals, moments = self._definitions()
        icp, scoring = self._config("icp", IcpFile), self._scoring()
        stages = self._config("stages", StagesFile)
        if self._files.problems:
            raise ConfigProblems(self._files.problems)
        return replace(
            now,
            signals=tuple(entry.shape.build() for entry in signals),
            moments=tuple(entry.shape.build() for entry in moments),
            icp=_sound(icp).shape.build(),
            scoring=_sound(scoring).shape.build(),
            qualification=_sound(scoring).shape.qualification.build(),
            stages=_sound(stages).shape.build(),
        )

    def problems(self, parts: Parts, templates: TemplateCheck | None) -> list[Problem]:
        """What was wrong with the files, and what the checks find."""
        found = [*self._files.problems, *check_parts(parts)]
        for fault in templates(self._templates(parts)) if templates else ():
            line = max(fault.line, 1)
            found.append(Problem(path=fault.path, line=line, column=1, code="C062", message=fault.reason))
        return found

    def _document(self, path: str) -> Document | None:
        text = self._files.text(path)
        if text is None:
            return None
        document, problems = read_yaml(path, text)
        self._files.problems += problems
        return document

    def _shaped(self, document: Document, shape: type[AnyShape]) -> Entry[AnyShape] | None:
        read, problems = read_shape(shape, document)
        self._files.problems += problems
        if read is None:
            return None
        self._documents.append(document)
        return Entry(document, read)

    def _config(self, kind: str, shape: type[AnyShape]) -> Entry[AnyShape] | None:
        document = self._document(FILE_KINDS[kind][1])
        if document is None:
            return None
        self._files.problems += written_secrets(document)
        document, unset = interpolate(document, self._environ)
        self._files.problems += unset
        return None if unset else self._shaped(document, shape)

    def _scoring(self) -> Entry[ScoringFile] | None:
        entry = self._config("scoring", ScoringFile)
        if entry is None:
            return None
        champions = entry.shape.champions
        loaded = tuple(
            one.model_copy(
                update={
                    "measure": self._functions.load(
                        one.measure, entry.document, ("champions", "measures", number, "measure")
                    )
                }
            )
            for number, one in enumerate(champions.measures)
        )
        champions = champions.model_copy(update={"measures": loaded})
        return Entry(entry.document, entry.shape.model_copy(update={"champions": champions}))

    def _customers(self) -> Entry[CustomersFile] | None:
        entry = self._config("customers", CustomersFile)
        if entry is None:
            return None
        use = self._functions.load(entry.shape.use, entry.document, ("use",))
        return Entry(entry.document, entry.shape.model_copy(update={"use": use}))

    def _definitions(self) -> tuple[list[Entry[SignalFile]], list[Entry[MomentFile]]]:
        signals: list[Entry[SignalFile]] = []
        moments: list[Entry[MomentFile]] = []
        for path in self._files.names("signals"):
            document = self._document(path) if path.endswith(".yml") else None
            if document is None:
                continue
            match self._kind(document):
                case "signal":
                    signals += self._signal(document)
                case "moment":
                    moments += [entry] if (entry := self._shaped(document, MomentFile)) else []
                case _:
                    pass
        return signals, moments

    def _signal(self, document: Document) -> list[Entry[SignalFile]]:
        entry = self._shaped(document, SignalFile)
        if entry is None:
            return []
        measure = self._functions.load(entry.shape.measure, document, ("measure",))
        return [Entry(document, entry.shape.model_copy(update={"measure": measure}))]

    def _kind(self, document: Document) -> str:
        keys = list(document.data) if isinstance(document.data, dict) else []
        kinds = [kind for kind in ("signal", "moment") if kind in keys]
        if len(kinds) == 1:
            return kinds[0]
        if kinds:
            message = "a file is either a signal or a moment, not both"
            self._files.problems.append(document.problem(("moment",), "C019", message, "make it two files", key=True))
            return ""
        if not isinstance(document.data, dict):
            self._files.problems.append(document.problem((), "C010", "the file must be a mapping of keys to values"))
            return ""
        hint = next((hint for key in keys if (hint := near(key, ("signal", "moment")))), "a file is one or the other")
        self._files.problems.append(document.problem((), "C012", "the key 'signal' or 'moment' is missing", hint))
        return ""

    def _channels(self) -> tuple[dict[str, Entry[ChannelFile]], list[str]]:
        channels: dict[str, Entry[ChannelFile]] = {}
        missing: list[str] = []
        for name in self._files.folders("notifiers"):
            if name not in CHANNEL_FILES:
                continue
            document = self._document(f"notifiers/{name}/channel.yml")
            if document is None:
                continue
            self._files.problems += written_secrets(document)
            filled, unset = interpolate(document, self._environ)
            if unset:
                # A channel that waits for its variables is not set up; that is a problem only where it is needed.
                missing.append(name)
                self._files.problems += [problem for problem in unset if "not set" not in problem.message]
            elif entry := self._shaped(filled, CHANNEL_FILES[name]):
                channels[name] = entry
        return channels, missing

    def _templates(self, parts: Parts) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for name in dict.fromkeys((*parts.channels, *parts.unset)):
            prefix = f"notifiers/{name}/"
            paths = [path for path in self._files.names(f"notifiers/{name}") if path.endswith(".j2")]
            texts = {path.removeprefix(prefix): self._files.text(path) for path in paths}
            found[name] = {name: text for name, text in texts.items() if text is not None}
        return found

    def build(self, parts: Parts) -> Project:
        """The project, whose parts are all sound."""
        pql = _sound(parts.pql).shape
        usage = UsageSettings(
            url=pql.usage.url,
            files=pql.usage.files,
            naive_time_zone=pql.usage.naive_time_zone,
            relations=parts.relations,
            statements=parts.statements,
            variables=pql.usage.variables,
            rollup=None if pql.usage.rollup is None else pql.usage.rollup.build(),
            expect=pql.usage.expect.build(),
            folder=self._files.folder,
            watch=pql.usage.watch.build(),
        )
        return Project(
            folder=self._files.folder,
            name=pql.project,
            definitions=self._built(parts, pql),
            usage=usage,
            state=pql.state.build(),
            delivery=pql.delivery.build(),
            notifiers=self._notifiers(parts),
            schedules=pql.schedules.build(),
            links=pql.links,
            metrics=pql.metrics.build(),
        )

    def _built(self, parts: Parts, pql: ProjectFile) -> Definitions:
        scoring = _sound(parts.scoring).shape
        documents = [document for document in self._documents if document.path.startswith(("config/", "signals/"))]
        documents = [document for document in documents if document.path != FILE_KINDS["pql"][1]]
        python = {path: self._files.text(path) or "" for path in self._functions.paths}
        sql = {file.path: file.text for file in (*parts.relations.values(), *parts.statements.values())}
        settings = {"lead": pql.lead.value, "time_zone": pql.time_zone, "variables": pql.usage.variables}
        sources = {document.path: document.text for document in documents} | python | sql
        return Definitions(
            lead=pql.lead,
            time_zone=pql.time_zone,
            signals=tuple(entry.shape.build() for entry in parts.signals),
            moments=tuple(entry.shape.build() for entry in parts.moments),
            icp=_sound(parts.icp).shape.build(),
            scoring=scoring.build(),
            qualification=scoring.qualification.build(),
            stages=_sound(parts.stages).shape.build(),
            routing=_sound(parts.routing).shape.build(),
            customers=_sound(parts.customers).shape.build(),
            content_hash=content_hash(settings, {document.path: document.data for document in documents}, python, sql),
            sources=tuple(sorted(sources.items())),
        )

    def _notifiers(self, parts: Parts) -> Notifiers:
        notifiers = Notifiers(templates=self._templates(parts))
        for entry in parts.channels.values():
            match entry.shape.build(self._files.folder):
                case SlackSettings() as slack:
                    notifiers = replace(notifiers, slack=slack)
                case EmailSettings() as email:
                    notifiers = replace(notifiers, email=email)
                case WebhookSettings() as webhook:
                    notifiers = replace(notifiers, webhook=webhook)
                case FileSettings() as file:
                    notifiers = replace(notifiers, file=file)
        return notifiers


def _sound(entry: Entry[AnyShape] | None) -> Entry[AnyShape]:
    if entry is None:
        raise AssertionError("a file that could not be read must have a problem")
    return entry


def _nothing(files: Files) -> Parts:
    return Parts(
        files=files,
        pql=None,
        icp=None,
        scoring=None,
        stages=None,
        routing=None,
        customers=None,
        signals=(),
        moments=(),
    )
