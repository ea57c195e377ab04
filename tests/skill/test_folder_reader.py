from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from voice_helper.errors import IntentsError
from voice_helper.skill.folder_reader import Content, check_folder, draw_phrases, load_content
from voice_helper.support.paths import intents_folder

ANSWERS = """language: en
sources: {nhs: {name: "NHS, Leg cramps", read: "November 2026"}}
disclaimers: {full: "Full.", short: "Short."}
not_understood: {again: "Again?", samples: ["One"], waiting: {text: "Waiting.", kind: talk}}
answers:
  remedy_heat:
    disclaimer: topic
    rows:
      - {text: "Heat can help.", kind: article, fact: remedy.heat}
  greeting:
    disclaimer: none
    rows:
      - {text: "Hello.", kind: talk}
"""
SENTENCES = """language: en
lists:
  mineral: {values: [calcium, potassium]}
expansion_rules:
  help: "(help|work)"
intents:
  remedy_heat:
    data:
      - sentences:
          - "does heat <help>"
  greeting:
    data:
      - sentences:
          - "hello [there]"
"""
FACTS = 'language: en\nfacts: {remedy.heat: "Heat can ease cramps.", disclaimer: "For education."}\n'

Change = Callable[[str], str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sentences").mkdir()
    (tmp_path / "language.yaml").write_text("language: en\ngroups: [all]\n", encoding="utf-8")
    (tmp_path / "facts.yaml").write_text(FACTS, encoding="utf-8")
    (tmp_path / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (tmp_path / "sentences" / "all.yaml").write_text(SENTENCES, encoding="utf-8")
    return tmp_path


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line)


@pytest.mark.slow
def test_the_shipped_folder_has_no_problem() -> None:
    assert check_folder(intents_folder("en"))[1] == ()


def test_a_small_folder_is_enough(folder: Path) -> None:
    content, problems = check_folder(folder)
    assert problems == ()
    assert content is not None
    assert content.sentences.intents == ("remedy_heat", "greeting")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sentences/all.yaml", '"hello [there]"', '"hello [there"', '"[" at character 7 is never closed'),
        ("sentences/all.yaml", '"hello [there]"', '"hello (there|you"', '"(" at character 7 is never closed'),
        ("sentences/all.yaml", '"hello [there]"', '"hello (there]"', 'is closed by "]"'),
        ("sentences/all.yaml", '"hello [there]"', '"hello <helo>"', "there is no rule <helo>"),
        ("sentences/all.yaml", '"hello [there]"', '"hello {minerals}"', "there is no list {minerals}"),
        ("sentences/all.yaml", 'help: "(help|work)"', 'help: "<help> me"', "refers to itself"),
        ("sentences/all.yaml", 'help: "(help|work)"', 'help: "(help"', "is never closed"),
        ("sentences/all.yaml", 'help: "(help|work)"', 'help: "<halp>"', "the rule <help>: there is no rule <halp>"),
        ("sentences/all.yaml", '"hello [there]"', '"hello )"', '")" at character 7 was never opened'),
        ("sentences/all.yaml", '"hello [there]"', '"hello []"', "is not a template"),
        ("sentences/all.yaml", '"hello [there]"', '"hello {}"', "is not a template"),
        ("sentences/all.yaml", '"hello [there]"', '"hello <>"', "is not a template"),
        ("sentences/all.yaml", "{values: [calcium, potassium]}", "{value: [calcium]}", '{mineral} needs "values"'),
        ("sentences/all.yaml", "{values: [calcium, potassium]}", "{values: []}", "the list {mineral} is empty"),
        ("sentences/all.yaml", "[calcium, potassium]", "[{in: calcium}]", 'value 1 needs "out", the value'),
        ("sentences/all.yaml", "[calcium, potassium]", '["(calcium"]', "value 1: "),
        ("sentences/all.yaml", "[calcium, potassium]", '["<help> me"]', "a list value cannot use lists or rules"),
        ("sentences/all.yaml", "[calcium, potassium]", f"['{' '.join(['(a|b|c|d)'] * 5)}']", "more than 1000 phrases"),
        ("language.yaml", "language: en", "language: en\nsounds: {'(k': k}", '"(k" is not a regular expression'),
        ("sentences/all.yaml", "greeting:\n    data:", "greeting:\n    date:", 'greeting needs "data"'),
        ("sentences/all.yaml", "  greeting:", "  greting:", "has sentences but no answer"),
        ("sentences/all.yaml", '"hello [there]"', '"hello"\n          - "does heat help"', "is also claimed by"),
        ("sentences/all.yaml", 'sentences:\n          - "hello', 'sentence:\n          - "hello', "unknown key"),
        ("sentences/all.yaml", '"hello [there]"', '"hello well-known"',
         'no text can match "well-known": write "well known"'),
        ("sentences/all.yaml", '"hello [there]"', '"hello (10|ten)"', 'no text can match "10": write "ten"'),
        ("sentences/all.yaml", '"hello [there]"', '"hello?"', 'no text can match "hello?": write "hello"'),
        ("sentences/all.yaml", '"hello [there]"', '"hello \U0001f600"', 'no text can match "\U0001f600": leave it out'),
        ("sentences/all.yaml", '"hello [there]"', '"gro\u00df"', 'no text can match "gro\u00df": write "gross"'),
        ("sentences/all.yaml", "[calcium, potassium]", "[b-12, potassium]", 'value 1: no text can match "b-12"'),
        ("sentences/all.yaml", 'help: "(help|work)"', 'help: "(help!|work)"', 'the rule <help>: no text can match'),
        ("answers.yaml", "  greeting:", "  greetings:", "has no intent"),
        ("answers.yaml", "Heat can", "Call {number}. Heat can", "{number} is neither a list nor under"),
        ("answers.yaml", "fact: remedy.heat", "fact: remedy.hat", 'there is no fact "remedy.hat"'),
        ("answers.yaml", "kind: article, fact: remedy.heat", "kind: article", 'needs "fact:"'),
        ("answers.yaml", "kind: article, fact: remedy.heat", "kind: safety", 'needs "source:"'),
        ("answers.yaml", "kind: article, fact: remedy.heat", "kind: safety, source: nsh", 'there is no source "nsh"'),
        ("answers.yaml", "disclaimer: topic", "disclaimer: sometimes",
         'the answer remedy_heat, disclaimer must be one of topic'),
        ("answers.yaml", "disclaimer: topic", "disclamer: topic", 'unknown key "disclamer"'),
        ("answers.yaml", "  greeting:", "  greeting: &a\n    x: 1\n  other: *a", "anchors (&) and aliases (*)"),
        ("answers.yaml", "  greeting:", "\tgreeting:", "indent with spaces, not with tabs"),
        ("answers.yaml", '{text: "Hello.", kind: talk}', "{text: Hello.}", 'row 1 needs "kind"'),
        ("answers.yaml", '{text: "Hello.", kind: talk}', "{text: Hello., kind: chat}",
         'kind must be one of article, first_aid, safety, talk, not "chat"'),
        ("answers.yaml", '{text: "Hello.", kind: talk}', "{text: Hello., kind: talk, fact: remedy.heat}",
         "makes no health claim"),
        ("answers.yaml", '{text: "Hello.", kind: talk}', "{text: Hello., kind: talk, when: {name: [you]}}",
         '"when" names the slot name, but there is no list {name}'),
        ("answers.yaml", '{text: "Hello.", kind: talk}', "{text: Hello., kind: talk, when: {mineral: [iron]}}",
         '"when" names mineral "iron", which is not one of its values'),
        ("answers.yaml", "none\n    rows:", "none\n    rows: []\n    lines:", "the answer greeting has no rows"),
        ("answers.yaml", "none\n    rows:", "none\n    like: no_session\n    rows:", 'like "no_session" if the file'),
        ("answers.yaml", "none\n    rows:", "none\n    like: no_session\n    rows:", '"rows" has no effect'),
        ("answers.yaml", "none\n    rows:", "none\n    like: no_sesion\n    rows:", 'did you mean "no_session"?'),
        ("answers.yaml", '{name: "NHS, Leg cramps", read', "{nam: x, read", 'the source nhs needs "name"'),
        ("answers.yaml", 'full: "Full.", ', "", 'disclaimers needs "full"'),
        ("facts.yaml", "facts:", "fact:", 'facts.yaml needs "facts"'),
        ("language.yaml", "groups: [all]", "group: [all]", 'language.yaml: unknown key "group"'),
        ("language.yaml", "groups: [all]", "spellings: [a]", "spellings must have keys, not be a list"),
        ("answers.yaml", "answers:\n", 'unsure: "{frist}?"\nanswers:\n', "unsure needs {first} and {second}"),
        ("answers.yaml", "answers:\n", 'last_of_several: "or"\nanswers:\n', "last_of_several needs {before} and"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_its_file_and_line(
    folder: Path, file: str, old: str, new: str, message: str
) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    _, problems = check_folder(folder)
    hits = [problem for problem in problems if message in problem]
    assert hits, problems
    assert re.search(rf"{re.escape(path.name)}:\d+: ", hits[0])


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "message"),
    [
        ("sentences/all.yaml", "greeting:\n    data:", "greeting:\n    dat:", "    dat:", 'did you mean "data"?'),
        ("sentences/all.yaml", 'sentences:\n          - "hello', 'sentence:\n          - "hello', "sentence:",
         'did you mean "sentences"?'),
        ("sentences/all.yaml", "  greeting:", "  greting:", "  greting:",
         'greting has sentences but no answer in answers.yaml, did you mean "greeting"?'),
        ("answers.yaml", "none\n    rows:\n", "none\n    row:\n", "    row:", 'did you mean "rows"?'),
        ("answers.yaml", '{text: "Hello.", kind: talk}', '{text: "Hello.", kind:talk}', "kind:talk",
         'unknown key "kind:talk": a space goes after the colon of "kind:"'),
    ],
)  # fmt: skip
def test_a_misspelt_name_above_a_block_is_reported_with_its_own_line(
    folder: Path, file: str, old: str, new: str, line: str, message: str
) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    _, problems = check_folder(folder)
    assert any(f"{path.name}:{line_of(path, line)}: " in problem and message in problem for problem in problems), (
        problems
    )


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("[greting]", '1: [greting] is not an intent, did you mean "greeting"?'),
        ("[greeting", '1: the heading "[greeting" must be [intent] or [intent family]'),
        ("[greeting pop]", "1: pop is not a family of greeting in safety.yaml"),
    ],
)
def test_a_mistake_in_a_heading_is_reported_once_however_many_wordings_follow(
    folder: Path, heading: str, message: str
) -> None:
    (folder / "wordings.txt").write_text(f"{heading}\nhi there\nhey you\nhey\n", encoding="utf-8")
    _, problems = check_folder(folder)
    (problem,) = problems
    assert problem.endswith(f"wordings.txt:{message}")


@pytest.mark.parametrize(
    "template", ["I Have it", "it\u2019s", "cafe\u0301", "it('s|s) (a;b)", "{mineral:stone_2}", "{mineral}'\u0442"]
)
def test_a_template_that_some_text_matches_is_valid(folder: Path, template: str) -> None:
    path = folder / "sentences" / "all.yaml"
    path.write_text(SENTENCES.replace("hello [there]", template), encoding="utf-8")
    content, problems = check_folder(folder)
    assert problems == ()
    assert content is not None
    drawn = content.sentences.draw(content.sentences.templates[-1], 4)
    assert all(
        content.sentences.exact(content.sentences.language.normalize(text))[0].intent == "greeting" for text in drawn
    )


def test_the_reported_line_is_that_of_the_mistake(folder: Path) -> None:
    path = folder / "sentences" / "all.yaml"
    path.write_text(SENTENCES.replace("hello [there]", "hello [there"), encoding="utf-8")
    _, problems = check_folder(folder)
    assert any(f"all.yaml:{line_of(path, 'hello [there')}: greeting, sentence 1" in problem for problem in problems)


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    (folder / "sentences" / "all.yaml").write_text(SENTENCES.replace("<help>", "<halp>"), encoding="utf-8")
    (folder / "answers.yaml").write_text(ANSWERS.replace("remedy.heat", "remedy.hat"), encoding="utf-8")
    with pytest.raises(IntentsError) as caught:
        load_content(folder)
    assert len(caught.value.problems) >= 2


def with_rules(folder: Path, rule: str, count: int) -> Path:
    """Write a chain of rules, each of which is `rule` with the next one. Return the sentence file."""
    path = folder / "sentences" / "all.yaml"
    chain = "".join(f'  r{number}: "{rule.replace("next", f"r{number + 1}")}"\n' for number in range(count))
    text = SENTENCES.replace("expansion_rules:\n", f"expansion_rules:\n{chain}  r{count}: heat\n")
    path.write_text(text.replace('"hello [there]"', '"hello <r0>"'), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("rule", "count", "number"),
    [("<next> <next>", 18, 9), ("heat [<next>|<next>]", 18, 9), ("<next> heat", 2_000, 1_949)],
)
def test_rules_that_multiply_or_are_nested_too_deep_are_one_problem(
    folder: Path, rule: str, count: int, number: int
) -> None:
    path = with_rules(folder, rule, count)
    _, problems = check_folder(folder)
    where = line_of(path, f"  r{number}:")
    assert [problem.partition(", its rules")[0] for problem in problems] == [
        f"{path}:{where}: the rule <r{number}> is too large: written out"
    ]


def test_a_template_that_uses_many_small_rules_is_a_problem_of_its_own(folder: Path) -> None:
    path = with_rules(folder, "<next> <next>", 8)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"hello <r0>"', '"hello <r0> <r0>"'), encoding="utf-8")
    _, problems = check_folder(folder)
    assert [problem.split(": ")[1] for problem in problems] == ["greeting, sentence 1 is too large"]


def test_rules_that_share_rules_are_accepted_within_the_limit(folder: Path) -> None:
    with_rules(folder, "[<next>|<next>] heat", 8)
    content, problems = check_folder(folder)
    assert problems == ()
    assert content is not None
    assert "hello heat" in {content.sentences.plainest(each) for each in content.sentences.templates}


def test_a_file_that_cannot_be_read_is_the_only_problem_until_it_can(folder: Path) -> None:
    path = folder / "answers.yaml"
    path.write_text(ANSWERS.replace("answers:\n", "answers:\n  a: b: c\n", 1), encoding="utf-8")
    _, problems = check_folder(folder)
    assert len(problems) == 1
    assert f"answers.yaml:{line_of(path, 'a: b: c')}: is not YAML" in problems[0]
    assert "needs quotes" in problems[0]


def test_a_sentence_of_two_intents_is_reported_with_both_locations(folder: Path) -> None:
    path = folder / "sentences" / "all.yaml"
    path.write_text(SENTENCES.replace('"hello [there]"', '"does heat help"'), encoding="utf-8")
    _, problems = check_folder(folder)
    assert any(re.search(r'also claimed by remedy_heat \(.*all\.yaml:\d+: "does', problem) for problem in problems)


def test_a_file_that_is_not_utf_8_is_reported_with_its_line(folder: Path) -> None:
    (folder / "facts.yaml").write_bytes(b"language: en\nfacts: {a: \xff}\n")
    _, problems = check_folder(folder)
    assert any("facts.yaml:2: is not UTF-8" in problem for problem in problems)


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    _, problems = check_folder(tmp_path / "nowhere")
    assert "there is no such intents folder" in problems[0]


def test_a_typo_in_a_copy_of_the_shipped_folder_is_the_only_problem(tmp_path: Path) -> None:
    copy = tmp_path / "en"
    shutil.copytree(intents_folder("en"), copy)
    path = copy / "sentences" / "talk.yaml"
    text = path.read_text(encoding="utf-8")
    place = text.index('"', text.index("sentences:"))
    path.write_text(f'{text[:place]}"is it (broken"\n          - {text[place:]}', encoding="utf-8")
    _, problems = check_folder(copy)
    assert len(problems) == 1
    assert "is never closed" in problems[0]


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / "answers.yaml").unlink()
    (folder / "sentences" / "all.yaml").unlink()
    _, problems = check_folder(folder)
    assert "answers.yaml:1: this file is missing" in problems
    assert "sentences:1: there are no sentence files (*.yaml) here" in problems


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "sentences" / "more.yaml").mkdir()
    _, problems = check_folder(folder)
    assert [problem.rpartition("more.yaml")[2] for problem in problems] == [":1: cannot be read: Is a directory"]


def test_a_name_defined_in_two_sentence_files_is_reported_at_its_second_location(folder: Path) -> None:
    again = (
        "lists: {mineral: {values: [iron]}}",
        "expansion_rules: {help: aid}",
        "intents: {greeting: {data: [{sentences: [hi]}]}}",
    )
    (folder / "sentences" / "more.yaml").write_text("\n".join(again), encoding="utf-8")
    _, problems = check_folder(folder)
    assert len(problems) == 3
    for line, message in enumerate(
        ("the list {mineral} is defined already, at ", "the rule <help> is defined already, at ",
         "greeting already has sentences in all.yaml"), 1,
    ):  # fmt: skip
        assert any(f"more.yaml:{line}: {message}" in problem for problem in problems)


def test_misrecognized_forms_of_words_are_read(folder: Path) -> None:
    (folder / "pronunciation.yaml").write_text("language: en\nwords: {calcium: [K AE L]}\n", encoding="utf-8")
    assert load_content(folder).pronunciations == {"calcium": ("K AE L",)}


@pytest.mark.slow
def test_recognizers_get_typical_phrases_and_those_to_recognize_during_speech(content: Content) -> None:
    phrases = draw_phrases(content)
    assert {"what's a muscle cramp", "tell me more"} <= set(phrases.questions)
    assert any("it is" in text for text in phrases.questions)
    assert any("it's" in text for text in phrases.questions)
    assert {"stop", "my chest hurts"} <= set(phrases.commands)
    assert {"stop", "next", "ready"} <= set(phrases.session)
    assert all(len(text.split()) <= 5 for text in phrases.session)
    assert "i have a cramp help me" in set(phrases.commands) - set(phrases.session)
    assert phrases.sounds == content.pronunciations


LEFT_BY_PROGRAMS = (".#all.yaml", "._all.yaml", "all.yaml~", ".all.yaml.swp", "#all.yaml#", ".DS_Store", "Thumbs.db")


@pytest.mark.parametrize("name", LEFT_BY_PROGRAMS)
def test_files_of_editors_and_of_the_system_are_ignored(folder: Path, name: str) -> None:
    before = load_content(folder).content_key
    for place in (folder, folder / "sentences"):
        (place / name).write_bytes(b"\x00\xff: [")
    assert check_folder(folder)[1] == ()
    assert load_content(folder).content_key == before


def test_a_dangling_lock_link_is_ignored(folder: Path) -> None:
    (folder / "sentences" / ".#all.yaml").symlink_to("somebody@host.1234")
    assert check_folder(folder)[1] == ()


def test_a_file_may_end_in_yml(folder: Path) -> None:
    before = load_content(folder)
    for path in (*folder.glob("*.yaml"), *folder.glob("*/*.yaml")):
        path.rename(path.with_suffix(".yml"))
    after = load_content(folder)
    assert (after.answers.entries.keys(), after.content_key) == (before.answers.entries.keys(), before.content_key)
    (folder / "facts.yml").write_text(FACTS.replace("facts:", "fact:"), encoding="utf-8")
    assert any("facts.yml:1: " in problem for problem in check_folder(folder)[1])


def test_a_file_with_both_suffixes_is_a_problem(folder: Path) -> None:
    (folder / "sentences" / "all.yml").write_text(SENTENCES, encoding="utf-8")
    (folder / "facts.yml").write_text(FACTS, encoding="utf-8")
    _, problems = check_folder(folder)
    assert [problem.rpartition("/")[2] for problem in problems] == [
        "facts.yml:1: is ignored, because facts.yaml also exists: keep one of them",
        "all.yml:1: is ignored, because all.yaml also exists: keep one of them",
    ]
