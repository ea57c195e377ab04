"""Train the alarm: `python -m bench.alarm [--fold N]` (extra `train`; about 15 minutes on two cores).

Trains small adapters, which are added to the matrices of the sentence model, for two questions: does someone need help
now, and does someone ask something that only a person should answer (a redirect)? The training data are `wordings.txt`,
`alarms.txt` and sentences drawn from the templates. The adapters are also trained to tell the intents apart, so that
the model keeps what it knew. The result is `generated/alarm.learned` in the intents folder. On the same machine, the
same lines give the same numbers, up to rounding.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from voice_helper.content.documents import Problems
from voice_helper.content.files import generated_file
from voice_helper.content.wordings import read_wordings
from voice_helper.skill import Skill, open_skill
from voice_helper.skill.generated_files import alarm_key
from voice_helper.support.cache import write_arrays
from voice_helper.understanding.learned_alarm import ALARM_FILE, ALARM_LINES_FILE, CLASSES, ORDINARY, SCALE
from voice_helper.understanding.minilm import HEADS, LAYERS, MATRICES, SentenceNetwork

RANK: Final = 8
EPOCHS: Final = 4
RATE: Final = 2e-3
_DRAWS: Final = 1  # sentences drawn from each template
_BATCH: Final = 64
_LONGEST: Final = 48  # maximum number of word pieces in a text
_SMOOTHED: Final = 0.05
_INTENT_SHARE: Final = 0.5  # weight of the second goal, the intents, in the loss
_WEIGHTS: Final = {"template": 0.5, "wording": 1.0, "alarm": 2.0}
_SHOWN_EVERY: Final = 50


@dataclass(frozen=True)
class Example:
    """A text, its class (an index of `CLASSES`), its intent if it has one, and its weight."""

    text: str
    kind: int
    intent: str | None
    weight: float


def examples(skill: Skill) -> list[Example]:
    """Return all training examples, with each text in normalized form."""
    content = skill.content

    def essence(text: str) -> str:
        return content.language.normalize(text).essence

    kind = {name: index for index, name in enumerate(CLASSES)}
    found = [
        Example(essence(each.text), kind.get(each.intent, 0), each.intent, _WEIGHTS["wording"])
        for each in content.wordings
    ]
    problems = Problems()
    lines = (content.folder / ALARM_LINES_FILE).read_text(encoding="utf-8").splitlines()
    for each in read_wordings(lines, ALARM_LINES_FILE, problems):
        intent = None if each.intent == ORDINARY else each.intent
        found.append(Example(essence(each.text), kind[each.intent], intent, _WEIGHTS["alarm"]))
    for template in content.sentences.templates:
        drawn = {essence(text) for text in content.sentences.draw(template, _DRAWS)}
        found += [
            Example(text, kind.get(template.intent, 0), template.intent, _WEIGHTS["template"]) for text in sorted(drawn)
        ]
    return found


class Trainer:
    """Trains the adapters with jax."""

    def __init__(self, network: SentenceNetwork, pieces: Sequence[Sequence[int]], learned: Sequence[Example]) -> None:
        """Set the network, the word pieces of each text, and the texts."""
        import jax.numpy as jnp

        self._pieces, self._examples = pieces, learned
        self._intents = sorted({each.intent for each in learned if each.intent})
        self._random = np.random.RandomState(1)
        used = np.unique(np.concatenate([np.asarray(each) for each in pieces]))
        self._place = np.zeros(len(network.words), dtype=np.int64)
        self._place[used] = np.arange(len(used))
        linears = [
            linear
            for layer in network.layers
            for linear in (layer.query, layer.key, layer.value, layer.attended, layer.wide, layer.narrow)
        ]
        norms = [norm for layer in network.layers for norm in (layer.norm, layer.last_norm)]
        self._fixed: dict[str, Any] = {
            "words": jnp.asarray(network.words[used] * network.word_scale[used], jnp.float32),
            "positions": jnp.asarray(network.positions[:_LONGEST]),
            "norm": (network.norm.weight, network.norm.bias),
            "matrices": [linear.weight for linear in linears],
            "biases": [linear.bias for linear in linears],
            "norms": [(norm.weight, norm.bias) for norm in norms],
        }
        shapes = [linear.weight.shape for linear in linears]
        self.learned: dict[str, Any] = {
            "down": [jnp.asarray(self._random.randn(rows, RANK) / np.sqrt(rows), jnp.float32) for rows, _ in shapes],
            "up": [jnp.zeros((RANK, columns)) for _, columns in shapes],
            "weights": jnp.zeros((shapes[0][0], len(CLASSES))),
            "bias": jnp.zeros(len(CLASSES)),
            "intent_weights": jnp.zeros((shapes[0][0], len(self._intents))),
            "intent_bias": jnp.zeros(len(self._intents)),
        }

    def train(self) -> None:
        """Train for `EPOCHS` rounds through all texts."""
        import jax
        import optax

        steps = int(EPOCHS * sum(1 for _ in self._batches(range(len(self._examples)))))
        rate = optax.warmup_cosine_decay_schedule(0, RATE, min(50, steps // 10), steps, RATE * 0.02)
        optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=0.01))
        state = optimizer.init(self.learned)

        def step(learned: Any, state: Any, *batch: Any) -> Any:
            loss, gradient = jax.value_and_grad(self._loss)(learned, self._fixed, *batch)
            updates, state = optimizer.update(gradient, state, learned)
            return optax.apply_updates(learned, updates), state, loss

        compiled = jax.jit(step)

        done, began, mean = 0, time.monotonic(), 0.0
        while done < steps:
            for rows, batch in self._batches(self._random.permutation(len(self._examples))):
                wanted = np.array([self._examples[row].kind for row in rows])
                intents = np.array([self._intent(self._examples[row]) for row in rows])
                weights = np.array([self._examples[row].weight for row in rows], dtype=np.float32)
                self.learned, state, loss = compiled(self.learned, state, *batch, wanted, intents, weights)
                done += 1
                mean = float(loss) if done == 1 else 0.98 * mean + 0.02 * float(loss)
                if done % _SHOWN_EVERY == 0:
                    print(f"{done} of {steps} steps, loss {mean:.3f}, {time.monotonic() - began:.0f} s", flush=True)
                if done == steps:
                    break

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the trained parameters in half precision."""
        found = {"weights": self.learned["weights"], "bias": self.learned["bias"]}
        for number in range(LAYERS * MATRICES):
            found |= {f"down_{number}": self.learned["down"][number], f"up_{number}": self.learned["up"][number]}
        return {name: np.asarray(values, dtype=np.float16) for name, values in found.items()}

    def _intent(self, example: Example) -> int:
        return self._intents.index(example.intent) if example.intent else -1

    def _batches(self, order: Any) -> Iterator[tuple[list[int], tuple[Any, Any]]]:
        """Yield batches of texts of similar length, in random order. A short last batch is padded."""
        by_length: dict[int, list[int]] = {}
        for row in order:
            by_length.setdefault(min(_LONGEST, -(-len(self._pieces[row]) // 4) * 4), []).append(int(row))
        batches = [
            (length, rows[start : start + _BATCH])
            for length, rows in by_length.items()
            for start in range(0, len(rows), _BATCH)
        ]
        for number in self._random.permutation(len(batches)):
            length, rows = batches[number]
            rows = list(np.resize(rows, _BATCH))
            pieces, mask = np.zeros((_BATCH, length), dtype=np.int64), np.zeros((_BATCH, length), dtype=bool)
            for place, row in enumerate(rows):
                own = self._place[list(self._pieces[row][:length])]
                pieces[place, : len(own)], mask[place, : len(own)] = own, True
            yield rows, (pieces, mask)

    def _loss(self, learned: Any, fixed: Any, pieces: Any, mask: Any, wanted: Any, intents: Any, weights: Any) -> Any:
        import jax
        import jax.numpy as jnp

        vectors = _vectors(fixed, learned, pieces, mask) * SCALE
        kinds = jax.nn.log_softmax(vectors @ learned["weights"] + learned["bias"])
        smooth = (1 - _SMOOTHED) * jax.nn.one_hot(wanted, len(CLASSES)) + _SMOOTHED / len(CLASSES)
        meant = jax.nn.log_softmax(vectors @ learned["intent_weights"] + learned["intent_bias"])
        of_intents = jnp.where(intents >= 0, -meant[jnp.arange(len(intents)), jnp.maximum(intents, 0)], 0.0)
        return ((-(kinds * smooth).sum(1) + _INTENT_SHARE * of_intents) * weights).mean()


def _vectors(fixed: Any, learned: Any, pieces: Any, mask: Any) -> Any:
    """Return the result of `SentenceNetwork` for texts of different lengths, in jax."""
    import jax
    import jax.numpy as jnp

    def norm(states: Any, own: Any) -> Any:
        centred = states - states.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-12) * own[0] + own[1]

    def linear(states: Any, number: int) -> Any:
        adapted = states @ learned["down"][number] @ learned["up"][number]
        return states @ fixed["matrices"][number] + fixed["biases"][number] + adapted

    texts, length = pieces.shape
    hidden = jnp.where(mask[:, None, None, :], 0.0, -1e9)
    states = norm(fixed["words"][pieces] + fixed["positions"][:length], fixed["norm"])
    for layer in range(LAYERS):
        first = MATRICES * layer
        query, key, value = (
            linear(states, first + part).reshape(texts, length, HEADS, -1).swapaxes(1, 2) for part in range(3)
        )
        shares = jax.nn.softmax(query @ key.swapaxes(-1, -2) / np.sqrt(query.shape[-1]) + hidden, -1)
        together = (shares @ value).swapaxes(1, 2).reshape(states.shape)
        states = norm(linear(together, first + 3) + states, fixed["norms"][2 * layer])
        wide = jax.nn.gelu(linear(states, first + 4), approximate=False)
        states = norm(linear(wide, first + 5) + states, fixed["norms"][2 * layer + 1])
    mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return mean / jnp.linalg.norm(mean, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, help=f"the file to write; without it, {ALARM_FILE} of the folder")
    parser.add_argument("--fold", type=int, help="leave out every fourth text, from this one on, to measure on them")
    options = parser.parse_args()
    for package in ("jax", "optax"):
        if importlib.util.find_spec(package) is None:
            parser.error(f'{package} is not installed. In the project folder, run: pip install -e ".[train]"')
    skill = open_skill()
    everything = examples(skill)
    kept = [each for number, each in enumerate(everything) if options.fold is None or number % 4 != options.fold]
    trainer = Trainer(skill.embed.network, [skill.embed.pieces(each.text) for each in kept], kept)
    trainer.train()
    path = options.output or generated_file(skill.content.folder, ALARM_FILE)
    write_arrays(path, {**trainer.arrays(), "learned_from": np.array(alarm_key(skill.content))})
    print("written to", path)


if __name__ == "__main__":
    main()
