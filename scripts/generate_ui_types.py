"""Writes ui/src/answers.ts, the types of the portal's JSON, from ui/openapi.json; `--check` fails if it differs."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from generated import write_or_check

UI: Final = Path(__file__).resolve().parent.parent / "ui"
DESCRIPTION: Final = UI / "openapi.json"
TYPES: Final = UI / "src" / "answers.ts"
HEAD: Final = """/**
 * What the portal's JSON is made of, generated from openapi.json by `make docs`.
 *
 * `types.ts` gives the names by which the kit knows it. Every quantity, amount, share and change is decimal text; every
 * time is RFC 3339.
 */
"""
WIDTH: Final = 130
_PLAIN: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "any": "unknown",
}


def type_of(schema: dict[str, Any]) -> str:
    """Return the type of a schema. Raises KeyError for a kind that the portal's description has never had."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema or "const" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(each) for each in schema["anyOf"]))
    kind = schema.get("type", "any")
    if kind == "array":
        inner = type_of(schema.get("items", {}))
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {type_of(values) if isinstance(values, dict) else 'unknown'}>"
    return _PLAIN[kind]


def comment(text: str, indent: str) -> list[str]:
    """Return a comment of one line, or of several where it is too long; nothing without a text."""
    if not text:
        return []
    if len(f"{indent}/** {text} */") <= WIDTH:
        return [f"{indent}/** {text} */"]
    lines = wrap(" ".join(text.split()), WIDTH - len(indent) - 3)
    return [f"{indent}/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"]


def declaration(name: str, schema: dict[str, Any]) -> list[str]:
    """Return the lines that declare a named schema."""
    head = comment(schema.get("description", ""), "")
    if "properties" not in schema:
        return [*head, f"export type {name} = {type_of(schema)};"]
    lines = [*head, f"export interface {name} {{"]
    required = set(schema.get("required", ()))
    for field, of_field in schema["properties"].items():
        lines += comment(of_field.get("description", ""), "  ")
        lines.append(f"  {field}{'' if field in required else '?'}: {type_of(of_field)};")
    return [*lines, "}"]


def generated() -> str:
    """Return the whole file."""
    schemas = json.loads(DESCRIPTION.read_text(encoding="utf-8"))["components"]["schemas"]
    parts = ["\n".join(declaration(name, schema)) for name, schema in sorted(schemas.items())]
    return HEAD + "\n" + "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    raise SystemExit(write_or_check(TYPES, generated(), "ui/openapi.json"))
