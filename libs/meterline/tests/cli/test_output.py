"""What is printed is data: no text in it commands the terminal, turns into a picture, or is lost."""

from __future__ import annotations

import json
import unicodedata

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterline.cli.exits import say_error
from meterline.cli.options import Output
from meterline.cli.output import print_document, print_table, say, write, write_title
from meterline.cli.terminal import draw_tree

HOSTILE = "a\x1b[31mb\x9b2Jc\x07d\u202ee\u200bf\x7f"
SHOWN = r"a\x1b[31mb\x9b2Jc\x07d\u202ee\u200bf\x7f"
UNSEEN = frozenset({"Cc", "Cf", "Cs"})
TEXTS = st.text(st.sampled_from("aé \x1b\x07\x7f\x9b\u202e\u200b\ufeff\u2028:'\"") | st.characters(codec="utf-8"))
Capture = pytest.CaptureFixture[str]
EACH_READS_WHAT_IT_PRINTED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def is_seen(text: str) -> bool:
    return UNSEEN.isdisjoint(map(unicodedata.category, text.replace("\n", "")))


@pytest.mark.parametrize("text", ["a:100:b", "[red]x[/red]", "[/]", ":smile:"])
def test_a_text_that_looks_like_a_picture_or_a_color_is_shown_as_it_is(capsys: Capture, text: str) -> None:
    print_table((text,), [(text,)])
    draw_tree((text, [(text, [])]))

    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("└── ").strip() for line in lines] == [text] * 4


def test_a_command_to_the_terminal_is_shown_as_an_escape(capsys: Capture) -> None:
    write(HOSTILE)
    write_title(HOSTILE, HOSTILE)
    print_table((HOSTILE,), [(HOSTILE,)])
    draw_tree((HOSTILE, [(HOSTILE, [])]))
    say(HOSTILE)
    say_error(HOSTILE)

    captured = capsys.readouterr()
    assert is_seen(captured.out)
    assert is_seen(captured.err)
    assert (captured.out.count(SHOWN), captured.err.count(SHOWN)) == (7, 2)


def test_a_cell_is_one_line(capsys: Capture) -> None:
    print_table(("name",), [("a\nb\tc",)])

    assert capsys.readouterr().out.splitlines()[1].strip() == r"a\nb\tc"


@given(TEXTS)
@EACH_READS_WHAT_IT_PRINTED
def test_documents_hold_nothing_unseen_and_are_read_back_as_they_were(capsys: Capture, text: str) -> None:
    document = {"name": text, "é": [text]}
    for output, read in ((Output.JSON, json.loads), (Output.YAML, yaml.safe_load)):
        print_document(document, output)

        printed = capsys.readouterr().out
        assert is_seen(printed)
        assert read(printed) == document
