"""What a trained context model is worth on held-out dialogues: the look-ahead it asks for, calibration, figures per subset."""
from __future__ import annotations

import itertools
import math
from typing import Sequence

import numpy as np

from . import calibration, metrics
from .context import ContextModel
from .dataset import MODALITIES, UNLABELLED, Dialogue
from .predict import predict

LOOK_AHEAD_GAIN = 0.005  # weighted F1 that waiting for later utterances must gain to be worth the wait
COVERAGE_MISS = 0.02     # a set is offered only where its held-out coverage is this close to what it promises


def choose_look_ahead(model: ContextModel, held: list[Dialogue], seed: int) -> tuple[int, dict[str, float]]:
    """The smallest K whose gain justifies waiting and is no accident of the dialogues, else 0; and weighted F1 for every K.

    Of the resamples of the dialogues 97.5% must agree that K gains: taking the best of three K's on a few hundred
    utterances would otherwise find half a point in noise.
    """
    labels = [d.label for d in held]
    guesses = {k: predict(model, held, k) for k in range(model.options.look_ahead + 1)}

    def f1(k: int, dialogues: Sequence[int]) -> float:
        return metrics.classification(np.concatenate([labels[i] for i in dialogues]),
                                      np.concatenate([guesses[k][i] for i in dialogues]))["weightedF1"]

    whole = {k: f1(k, range(len(held))) for k in guesses}
    rng, chosen = np.random.default_rng(seed), 0
    for k in range(model.options.look_ahead, 0, -1):
        if whole[k] - whole[0] >= LOOK_AHEAD_GAIN:
            draws = [rng.integers(0, len(held), len(held)) for _ in range(400)]
            if np.mean([f1(k, draw) > f1(0, draw) for draw in draws]) >= 0.975:
                chosen = k
    return chosen, {str(k): round(v, 4) for k, v in whole.items()}


def calibrate(model: ContextModel, held: list[Dialogue], look_ahead: int, coverage: float, seed: int, wanted: bool = True) -> tuple[dict, dict]:
    """The manifest's `calibration` and the figures behind it, per availability set that the data holds.

    A set of labels is offered only where calibration on other dialogues kept the promise; elsewhere the threshold is left out.
    Not wanted: no temperatures, no sets, and the figures are of the probabilities as the model says them.
    """
    temperatures, thresholds, figures = {}, {}, {}
    names = [m.name for m in model.modalities]
    for size in range(1, len(names) + 1):
        for subset in itertools.combinations(range(len(names)), size):
            rows = [d.available[:, list(subset)].all(1) & (d.label != UNLABELLED) for d in held]
            if not any(r.any() for r in rows):
                continue
            logits = [x[r] for x, r in zip(predict(model, held, look_ahead, subset), rows)]
            labels = [d.label[r] for d, r in zip(held, rows)]
            x, y = np.concatenate(logits), np.concatenate(labels)
            t = round(calibration.fit_temperature(x, y), 4) if wanted else 1.0
            p = metrics.softmax(x / t)
            away = calibration.held_out(logits, labels, coverage, seed) if wanted else {}
            key = "+".join(sorted((names[m] for m in subset), key=MODALITIES.index))
            temperatures[key] = t
            threshold = math.floor(calibration.conformal_threshold(p, y, coverage) * 1e6) / 1e6
            if away and threshold > 0 and abs(away["coverage"] - coverage) <= COVERAGE_MISS:
                thresholds[key] = threshold
            perfect = calibration.ece_of_a_perfect_model(p, seed)
            figures[key] = {"utterances": len(y), "dialogues": sum(1 for l in labels if len(l)), **metrics.classification(y, x),
                            "nll": calibration.nll(p, y), "ece": calibration.ece(p, y),
                            "eceBeforeCalibration": calibration.ece(metrics.softmax(x), y),
                            "eceOfPerfectModel": {"mean": perfect[0], "percentile95": perfect[1]}, "heldOut": away}
    calibrated = {"temperatures": temperatures, "conformal": {"coverage": coverage, "thresholds": thresholds}}
    return calibrated if wanted else {"temperatures": {}}, figures
