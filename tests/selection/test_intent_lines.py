"""Prompts as people write them, labelled by somebody who had not seen the words that are read."""

import tomllib
from pathlib import Path
from typing import cast

import pytest

from videogen_mcp.selection.intent import read_intent
from videogen_mcp.selection.modes import infer_mode
from videogen_mcp.types import MEDIA_FIELDS, Json, VideoRequest

LINES: list[Json] = tomllib.loads(Path(__file__).with_name("intent_lines.toml").read_text(encoding="utf-8"))["line"]
MEDIA = {
    "image": "https://example.com/a.png",
    "video": "https://example.com/a.mp4",
    "audio": "https://example.com/a.mp3",
}


def read(line: Json) -> str:
    fields: Json = {"prompt": line["text"]}
    for name in cast("list[str]", line["media"]):
        one = MEDIA[MEDIA_FIELDS[name]]
        fields[name] = [one, one] if name.startswith("reference_") else one
    request = VideoRequest.model_validate(fields)
    return read_intent(request, infer_mode(request)).intent


@pytest.mark.parametrize("line", [line for line in LINES if "misread" not in line], ids=lambda line: line["text"][:60])
def test_a_prompt_is_read_as_a_careful_human_reads_it(line: Json) -> None:
    assert read(line) in {line["intent"], *line.get("also", [])}


@pytest.mark.parametrize("line", [line for line in LINES if "misread" in line], ids=lambda line: line["text"][:60])
def test_what_is_misread_is_known(line: Json) -> None:
    assert read(line) == line["misread"] != line["intent"]


def test_few_are_misread() -> None:
    misread = sum("misread" in line for line in LINES)
    assert misread <= 0.02 * len(LINES)
