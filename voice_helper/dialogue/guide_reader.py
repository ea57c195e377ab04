"""Read the guide of an intents folder, `guide.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from voice_helper.content.documents import Item, Problems
from voice_helper.content.file_kinds import GuideFile, HedgeKeys, PlaceKeys, RowKeys, StepKeys
from voice_helper.content.schema import did_you_mean, read
from voice_helper.dialogue.answers import Sources, row_of, rows_of
from voice_helper.dialogue.guide import NO_ROW, Guide, Hedge, Places, Step
from voice_helper.types import Row


def read_guide(item: Item, sources: Sources, fill: Callable[[Row], Row], problems: Problems) -> Guide:
    """Read `guide.yaml`. `fill` inserts settings such as the emergency number into a row.

    Mistakes are added to `problems`.
    """
    file = read(GuideFile, item, problems)
    names = [_name_of(step, number) for number, step in enumerate(file.steps, 1)]
    _check_steps(file, names, problems)
    builder = _Builder(sources, problems, fill)
    steps = tuple(
        builder.step(step, name, number) for number, (name, step) in enumerate(zip(names, file.steps, strict=True), 1)
    )
    places = builder.places(file.place_) if file.place_ is not None else Places()

    trouble = file.trouble

    def one(name: str) -> Row:
        return builder.row(getattr(file, name), f"guide.yaml, {name}") or NO_ROW

    def several(name: str) -> tuple[Row, ...]:
        return builder.rows(getattr(file, name), f"guide.yaml, {name}")

    number_of_stand = next((step.number for step in steps if step.name == places.step), 1)
    return Guide(
        steps=steps,
        limit_seconds=file.limit_seconds,
        stand=builder.step(file.stand, "stand", number_of_stand) if file.stand is not None else None,
        help=one("help"),
        which_step=one("which_step"),
        how_long=one("how_long"),
        count=one("count"),
        repeat=one("repeat"),
        when_done=one("when_done"),
        article_first=several("article_first"),
        good=one("good"),
        close=several("close"),
        close_worse=several("close_worse"),
        close_limit=several("close_limit"),
        stopped=one("stopped"),
        waiting=one("waiting"),
        keep_going=one("keep_going"),
        again=one("again"),
        hedges={intent: builder.hedge(hedge, intent) for intent, hedge in file.hedges.items()},
        go_to=file.go_to,
        before_trouble=trouble.before if trouble is not None else (),
        after_trouble=trouble.after if trouble is not None else (),
        places=places,
        conditions=file.conditions,
    )


def _name_of(step: StepKeys, number: int) -> str:
    return step.name or f"{number}"


def _check_steps(file: GuideFile, names: list[str], problems: Problems) -> None:
    if not file.steps:
        problems.add(file.place, 'guide.yaml needs "steps:" with at least one step')
    place = file.place_
    if place is not None and place.step is not None and place.step not in names:
        problems.add(place.place_of("step"), f'place: "{place.step}" is not a step{did_you_mean(place.step, names)}')
    for name, step in zip(names, file.steps, strict=True):
        if step.repeat_from and step.repeat_from not in names:
            near = did_you_mean(step.repeat_from, names)
            problems.add(step.place, f'the step {name} repeats from "{step.repeat_from}", which is not a step{near}')
        if step.skip_when and step.skip_when not in file.conditions:
            problems.add(step.place, f'the step {name}: "conditions:" does not say when "{step.skip_when}" is true')


@dataclass(frozen=True)
class _Builder:
    """Builds rows with the settings filled in, and steps from such rows."""

    sources: Sources
    problems: Problems
    fill: Callable[[Row], Row]

    def rows(self, rows: tuple[RowKeys, ...], what: str) -> tuple[Row, ...]:
        return tuple(self._keep(row) for row in rows_of(rows, what, self.sources, self.problems))

    def row(self, row: RowKeys | None, what: str) -> Row | None:
        return self._keep(row_of(row, what, self.sources, self.problems)) if row is not None else None

    def _keep(self, row: Row) -> Row:
        return replace(self.fill(row), when=row.when)

    def step(self, step: StepKeys, name: str, number: int) -> Step:
        what = f"the step {name}"
        if not step.say:
            self.problems.add(step.place, f"{what} says nothing")
        return Step(
            name=name,
            number=int(step.number) if step.number is not None else number,
            say=self.rows(step.say, f"{what}, say"),
            say_again=self.rows(step.say_again, f"{what}, say_again"),
            rounds=int(step.rounds),
            hold_seconds=step.hold_seconds,
            rest_seconds=step.rest_seconds,
            wait_seconds=step.wait_seconds,
            in_hold=self.rows(step.in_hold, f"{what}, in_hold"),
            five_more=self.row(step.five_more, f"{what}, five_more"),
            rest=self.row(step.rest, f"{what}, rest"),
            asks=step.asks,
            repeat_from=step.repeat_from,
            skip_when=step.skip_when,
            called=step.called,
        )

    def places(self, place: PlaceKeys) -> Places:
        questions = {name: self.row(row, f"place, ask, {name}") for name, row in place.ask.items()}
        kept = {name: row for name, row in questions.items() if row is not None}
        return Places(place.slot, place.usual, place.step, kept, self.row(place.other, "place, other") or NO_ROW)

    def hedge(self, hedge: HedgeKeys, intent: str) -> Hedge:
        what = f"hedges, {intent}"
        say, then = self.row(hedge.say, f"{what}, say"), self.row(hedge.then, f"{what}, then")
        return Hedge(hedge.words, say or NO_ROW, then)
