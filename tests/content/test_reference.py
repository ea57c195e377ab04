from __future__ import annotations

import pytest

from docs.make_reference import DOCS, files
from voice_helper.content.documents import Problems
from voice_helper.content.file_kinds import FILE_KINDS, SentencesFile
from voice_helper.content.files import NEEDED, OPTIONAL
from voice_helper.content.schema import Record, read
from voice_helper.content.yaml_documents import read_document
from voice_helper.support.paths import intents_folder


@pytest.mark.parametrize("name", files())
def test_the_reference_and_the_schemas_are_as_new_as_the_code(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == files()[name], "run: make reference"


def test_no_schema_is_left_of_a_file_that_is_gone() -> None:
    kept = {path.relative_to(DOCS).as_posix() for path in (DOCS / "schema").iterdir()}
    assert kept <= files().keys()


def test_every_file_has_a_schema() -> None:
    named = {kind.named for kind in FILE_KINDS}
    assert {*OPTIONAL, *NEEDED, SentencesFile.named} == named


@pytest.mark.parametrize("kind", FILE_KINDS, ids=[kind.named for kind in FILE_KINDS])
def test_the_shipped_files_keep_to_their_schema(kind: type[Record]) -> None:
    problems = Problems()
    paths = sorted(intents_folder("en").glob(kind.named))
    assert paths
    for path in paths:
        read(kind, read_document(path.read_text(encoding="utf-8"), kind.named, problems), problems)
    assert problems.lines() == ()
