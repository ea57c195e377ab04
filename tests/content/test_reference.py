from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.make_reference import DOCS, files
from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import FILE_KINDS, SentencesFile
from voice_helper.content.files import NEEDED, OPTIONAL
from voice_helper.content.schema import Record, read
from voice_helper.content.yaml_documents import read_document
from voice_helper.support.paths import intents_folder


@pytest.mark.parametrize("name", files())
def test_the_reference_and_the_schemas_are_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == files()[name], "run: make reference"


def test_no_schema_remains_for_a_removed_file_kind() -> None:
    kept = {path.relative_to(DOCS).as_posix() for path in (DOCS / "schema").iterdir()}
    assert kept <= files().keys()


def test_every_file_has_a_schema() -> None:
    named = {kind.named for kind in FILE_KINDS}
    assert {*OPTIONAL, *NEEDED, SentencesFile.named} == named


@pytest.mark.parametrize("kind", FILE_KINDS, ids=[kind.named for kind in FILE_KINDS])
def test_the_shipped_files_conform_to_their_schema(kind: type[Record]) -> None:
    problems = Problems()
    paths = sorted(intents_folder("en").glob(kind.named))
    assert paths
    for path in paths:
        read(kind, read_document(path.read_text(encoding="utf-8"), kind.named, problems), problems)
    assert problems.lines() == ()


def values_of(item: Item) -> Any:
    if isinstance(item.value, dict):
        return {name: values_of(each) for name, each in item.value.items()}
    return [values_of(each) for each in item.value] if isinstance(item.value, list) else item.value


def test_only_true_and_false_are_truth_values_as_in_editors() -> None:
    problems = Problems()
    read_whole = values_of(read_document("[no, Yes, on, OFF, true, False, ~]", "a.yaml", problems))
    assert read_whole == ["no", "Yes", "on", "OFF", True, False, None]
    assert problems.lines() == ()


@pytest.mark.parametrize("path", sorted(intents_folder("en").rglob("*.yaml")), ids=lambda path: path.name)
def test_a_yaml_1_1_reader_reads_the_shipped_files_in_the_same_way(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert yaml.load(text, Loader=yaml.CSafeLoader) == values_of(read_document(text, path.name, Problems()))
