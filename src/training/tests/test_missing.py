"""Fixed missing-modality masks and the cells they give."""
import numpy as np
import pytest

from conftest import LABELS
from emostream_training.dataset import UNLABELLED, Dialogue
from emostream_training.missing import RATES, at_rate, draw, only
from emostream_training.predict import cells


def dialogue(rows=200, seed=0, modalities=2):
    rng = np.random.default_rng(seed)
    return Dialogue("c", [str(i) for i in range(rows)], {n: rng.normal(size=(rows, d)).astype(np.float32) for n, d in (("text", 5), ("audio", 3))},
                    rng.random((rows, modalities)) > 0.2, np.arange(rows) % 2, rng.integers(0, len(LABELS), rows))


def test_draw_is_the_first_eight_bytes_of_the_hash():
    # printf 'c1\nu1\ntext' | sha256sum
    assert draw("c1", "u1", "text") == 0x839C34E028CF8A37 / 2**64
    assert draw("é", "u", "audio") != draw("e", "u", "audio")


def test_masks_are_nested_and_spare_one_modality():
    d = dialogue()
    before = d.available
    for rate in RATES:
        after = at_rate([d], ["text", "audio"], rate)[0].available
        assert not (after & ~before).any() and (after.any(1) == d.available.any(1)).all()
        both = d.available.all(1)
        lost = 1 - after[both].mean()
        assert abs(lost - (rate - rate**2 / 2)) < 0.12
        before = after
    assert (at_rate([d], ["text", "audio"], 0.0)[0].available == d.available).all()
    spared = at_rate([d], ["text", "audio"], 1.0)[0].available
    larger = [draw("c", u, "text") > draw("c", u, "audio") for u in d.utterances]
    assert (spared[both][:, 0] == np.array(larger)[both]).all()


def test_cells_count_the_utterances_that_bring_the_subset(context):
    model, d = context(("text", 5), ("audio", 3)), dialogue(60)
    out = cells(model, [d])
    assert list(out) == ["text", "audio", "text+audio", *(f"missing {r}" for r in RATES)]
    assert all(0 <= v <= 1 for v in out.values())
    d.label[~d.available[:, 0]] = (d.label[~d.available[:, 0]] + 1) % len(LABELS)  # rows without text do not count for text
    assert cells(model, [d])["text"] == pytest.approx(out["text"]) and cells(model, [d])["missing 0.1"] != out["missing 0.1"]
    d.label[d.available[:, 1]] = UNLABELLED  # nothing is left that tells what audio is worth
    assert list(cells(model, [d])) == ["text", *(f"missing {r}" for r in RATES)]
    assert only([d], (1,))[0].available.tolist() == (d.available & [False, True]).tolist()


@pytest.mark.parametrize("utterance, kept", [  # the same table stands in the tests of `emostream evaluate`
    ("u1", ("text+audio", "text+audio", "audio")),
    ("u2", ("text", "text", "text")),
    ("u3", ("text", "text", "text")),
    ("u4", ("text+audio", "text+audio", "audio")),
    ("u5", ("text+audio", "text", "text")),
])
def test_masks_are_those_of_the_evaluation(utterance, kept):
    names = ["text", "audio"]
    d = Dialogue("c1", [utterance], {n: np.zeros((1, 1), np.float32) for n in names}, np.ones((1, 2), bool), np.zeros(1, int), np.zeros(1, int))
    for rate, expected in zip((0.3, 0.5, 0.7), kept):
        available = at_rate([d], names, rate)[0].available[0]
        assert "+".join(n for n, a in zip(names, available) if a) == expected
