"""JSON Schemas of a project's YAML files, so that editors complete and check them.

`python -m pql.config.schema` writes them into `pql/config/schemas/`, from where `pql init` copies them into a
project's `.pql/schemas/`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from pql.config.keys import keys_of, kind_name, shapes_in, summary
from pql.config.shapes import FILE_KINDS
from pql.config.shapes.base import Shape
from pql.config.shapes.measures import PythonMeasure
from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures import MEASURE_KINDS
from pql.domain.patterns import PATTERN_KINDS

FOLDER = Path(__file__).parent / "schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{", "description": "A value from the environment: ${NAME}."}
_SHARED: Mapping[str, type[Any]] = {"Condition": Condition, "Where": Where, "Duration": Duration}
_DEFAULT_KIND = "times"

Schema = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Writes defaults as a team would."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, Duration):
            return str(dft)
        return {} if isinstance(dft, Where | Shape) else super().encode_default(dft)


def schemas() -> Mapping[str, Schema]:
    """The schema of each kind of file, by the file's name: `signal.schema.json`."""
    return {f"{kind}.schema.json": _schema(kind, shape) for kind, (shape, _) in FILE_KINDS.items()}


def _schema(kind: str, shape: type[Shape]) -> Schema:
    written = TypeAdapter(shape).json_schema(by_alias=True, schema_generator=_Generator)
    definitions = written.pop("$defs", {})
    for part in (written, *definitions.values()):
        _untitled(part)
    _described(written, definitions, shape)
    shared = {name: _shared(about) for name, about in _SHARED.items()}
    by_content = {_canonical(schema): name for name, schema in _hoisted(_SHARED).items()}
    whole = _replaced({**written, "$defs": definitions}, by_content)
    if FILE_KINDS[kind][1].startswith(("config/", "notifiers/")):
        whole = _with_variables(whole)
    whole["$defs"] = dict(sorted((whole["$defs"] | _replaced_below(shared, by_content)).items()))
    used = _used(whole)
    whole["$defs"] = {name: part for name, part in whole["$defs"].items() if name in used}
    return {"$schema": _DRAFT, "title": f"PQL: {FILE_KINDS[kind][1]} ({kind})", **whole}


def _hoisted(shared: Mapping[str, type[Any]]) -> Mapping[str, Schema]:
    return {name: about.__get_pydantic_json_schema__(None, None) for name, about in shared.items()}


def _shared(about: type[Any]) -> Schema:
    schema: Schema = about.__get_pydantic_json_schema__(None, None)
    return {"description": summary(about), **schema}


def _replaced_below(shared: Mapping[str, Schema], by_content: Mapping[str, str]) -> dict[str, Schema]:
    """The shared schemas, with what they have of each other replaced; not each by itself."""
    return {name: {key: _replaced(part, by_content) for key, part in schema.items()} for name, schema in shared.items()}


def _canonical(schema: Any) -> str:
    return json.dumps(schema, sort_keys=True)


def _replaced(schema: Any, by_content: Mapping[str, str]) -> Any:
    """The schema with conditions, filters and durations as references: they stand in many places."""
    if isinstance(schema, list):
        return [_replaced(part, by_content) for part in schema]
    if not isinstance(schema, dict):
        return schema
    about = {key: schema[key] for key in ("description", "default") if key in schema}
    bare = {key: part for key, part in schema.items() if key not in about}
    if (name := by_content.get(_canonical(bare))) is not None:
        return {"$ref": f"#/$defs/{name}", **about}
    return {key: _replaced(part, by_content) for key, part in schema.items()}


def _untitled(schema: Any) -> None:
    """Drop the titles that are made of Python's names; `title` as a key of a file stays."""
    for part, is_keys in _parts(schema):
        if not is_keys and isinstance(part.get("title"), str):
            del part["title"]


def _parts(schema: Any, *, is_keys: bool = False) -> Iterator[tuple[Schema, bool]]:
    if isinstance(schema, dict):
        yield schema, is_keys
        for key, part in schema.items():
            yield from _parts(part, is_keys=key in {"properties", "$defs"} and not is_keys)
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def _described(root: Schema, definitions: dict[str, Schema], shape: type[Shape]) -> None:
    """Give every key the words that its type has for it, and make the kind a must."""
    kinds: dict[str, type[Any]] = {**MEASURE_KINDS, "python": PythonMeasure}
    named = {about.__name__: about for about in (*kinds.values(), *PATTERN_KINDS.values(), *_all_shapes(shape))}
    for name, about in {**named, "": shape}.items():
        schema = definitions.get(name) if name else root
        if schema is None:
            continue
        schema["description"] = summary(about)
        for key in keys_of(about).values():
            schema["properties"][key.name]["description"] = key.meaning
        if kind_name(about) not in {"", _DEFAULT_KIND}:
            schema["required"] = sorted({"kind", *schema.get("required", [])})


def _all_shapes(shape: type[Shape]) -> Iterator[type[Shape]]:
    for key in keys_of(shape).values():
        for inner in (one for one in shapes_in(key.annotation) if one is not shape):  # trees end here
            yield inner
            yield from _all_shapes(inner)


def _with_variables(schema: Any, *, is_keys: bool = False) -> Any:
    """The schema in which each key may also be taken from the environment."""
    if isinstance(schema, list):
        return [_with_variables(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if is_keys:
        return {key: _or_variable(_with_variables(part)) for key, part in schema.items()}
    return {key: _with_variables(part, is_keys=key == "properties") for key, part in schema.items()}


def _or_variable(schema: Schema) -> Schema:
    kind = schema.get("type")
    free_text = kind == "string" and not {"enum", "const", "pattern"} & set(schema)
    if free_text or "const" in schema or kind not in ("string", "integer", "number", "boolean"):
        return schema
    about: Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {"anyOf": [schema, _VARIABLE], **about}


def _used(schema: Any) -> set[str]:
    """The names of the definitions that are referred to from the root, through others too."""
    found: set[str] = set()
    waiting: list[Any] = [{key: part for key, part in schema.items() if key != "$defs"}]
    while waiting:
        for part, _ in _parts(waiting.pop()):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in found:
                found.add(name)
                waiting.append(schema["$defs"][name])
    return found


def written(schema: Schema) -> str:
    """The text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(folder: Path = FOLDER) -> int:
    """Write all schemas, and remove what is none."""
    folder.mkdir(exist_ok=True)
    made = schemas()
    for path in folder.glob("*.json"):
        if path.name not in made:
            path.unlink()
    for name, schema in made.items():
        (folder / name).write_text(written(schema), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
