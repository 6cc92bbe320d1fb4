"""The JSON Schema as it is published with the package, and what it says of a field."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from meterline.catalog.kinds import Kind

_INDEX: Final = re.compile(r"\[\d+\]")


@cache
def schema_text() -> str:
    """Return the schema of a catalog document; `make docs` writes it."""
    return resources.files("meterline").joinpath("catalog.schema.json").read_text(encoding="utf-8")


def describe(kind: Kind, field: str) -> str:
    """Return what the contract says of a field of a request that applies something, by its path; "" if nothing."""
    definitions: dict[str, Any] = json.loads(schema_text())["$defs"]
    found: dict[str, Any] = {"$ref": f"#/$defs/{kind.spec.name}"}
    for name in _INDEX.sub("", field).split(".")[1:]:
        value = found.get("items", found)
        reference = value.get("$ref") or next(
            (entry["$ref"] for entry in value.get("anyOf", ()) if "$ref" in entry), ""
        )
        properties = definitions.get(reference.rpartition("/")[2], {}).get("properties", {})
        found = properties.get(re.sub(r"_(\w)", lambda match: match[1].upper(), name), {})
    return str(found.get("description", ""))
