"""The contracts keep the rules of protos/buf.yaml, and nobody who speaks the released ones is left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import generate_protos

FEED = "metering/common/v1/feed.proto"

Rewrite = Callable[[str], str]


@pytest.fixture
def altered(tmp_path: Path) -> Callable[[Rewrite], Path]:
    """Gives the image of the contracts as they would be with one file rewritten."""

    def build(rewrite: Rewrite) -> Path:
        protos, image = tmp_path / "protos", tmp_path / "image.binpb"
        shutil.copytree(generate_protos.PROTOS, protos)
        feed = protos / FEED
        before = feed.read_text()
        feed.write_text(rewrite(before))
        assert feed.read_text() != before, "the rewrite found nothing to change"
        generate_protos.build_image(protos, image)
        return image

    return build


def test_the_contracts_are_clean(image: Path) -> None:
    generate_protos.lint(image, generate_protos.PROTOS)


def test_no_released_client_is_broken(image: Path) -> None:
    assert generate_protos.BASELINE.exists()

    generate_protos.refuse_break(image, generate_protos.BASELINE, generate_protos.PROTOS)


def test_a_message_without_a_comment_is_refused(altered: Callable[[Rewrite], Path]) -> None:
    image = altered(lambda text: text + "\nmessage Undocumented {}\n")

    with pytest.raises(generate_protos.ContractError, match='"Undocumented" should have a non-empty comment'):
        generate_protos.lint(image, generate_protos.PROTOS)


def test_a_field_that_changes_its_type_is_refused(altered: Callable[[Rewrite], Path], image: Path) -> None:
    changed = altered(lambda text: text.replace("uint32 lane", "uint64 lane", 1))

    with pytest.raises(generate_protos.ContractError, match='changed type from "uint32" to "uint64"'):
        generate_protos.refuse_break(changed, image, generate_protos.PROTOS)


def test_a_new_message_breaks_nobody(altered: Callable[[Rewrite], Path], image: Path) -> None:
    grown = altered(lambda text: text + "\n// A message of a later release.\nmessage Newcomer {}\n")

    generate_protos.refuse_break(grown, image, generate_protos.PROTOS)


def test_a_contract_that_does_not_parse_is_one_clear_error(altered: Callable[[Rewrite], Path]) -> None:
    with pytest.raises(
        generate_protos.ContractError, match=rf"^protoc refused the contracts:\n.*{FEED}:\d+:\d+: Expected message name"
    ):
        altered(lambda text: text + "\nmessage {\n")
