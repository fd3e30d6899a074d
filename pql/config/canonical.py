"""The content of definitions without their form: equal content, equal hash."""

import ast
import hashlib
import json
from collections.abc import Mapping
from typing import Any


def content_hash(
    settings: Mapping[str, object],
    documents: Mapping[str, Any],
    python: Mapping[str, str],
    sql: Mapping[str, str],
) -> str:
    """SHA-256 (hex) of what decides what is found.

    Comments, formatting and the order of keys change nothing, in YAML and Python; in SQL, blanks at the end of
    lines change nothing.

    Args:
        settings: What of the project's settings decides what is found.
        documents: The data of each YAML file by path.
        python: The text of each Python file by path; each must parse.
        sql: The text of each SQL file by path.
    """
    content = {
        "settings": settings,
        "documents": documents,
        "python": {path: ast.dump(ast.parse(text)) for path, text in python.items()},
        "sql": {path: [line.rstrip() for line in text.strip().splitlines()] for path, text in sql.items()},
    }
    written = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(written.encode("ascii")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 6 and 6.0 are one number
    return value
