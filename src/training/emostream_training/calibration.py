"""Calibration on held-out dialogues: logits to probabilities that mean what they say, and split-conformal sets (LAC).

p = (1 - u) softmax(z / t) + u / C, so the label never changes: ensemble temperature scaling (Zhang et al. 2020, "Mix-n-Match")
without its middle part. t and u have the highest likelihood of the served confidence, which is about the label that is
shown and asks whether it is right: fitted to all labels at once, they would serve the odds between the others.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable

import numpy as np

from . import metrics

Golden = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Calibration:
    """`temperature` divides the logits, `uniform` is the share of the uniform distribution that is mixed in."""

    temperature: float
    uniform: float = 0.0

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities [n, C]."""
        return (1 - self.uniform) * metrics.softmax(logits / self.temperature) + self.uniform / logits.shape[-1]

    def rounded(self) -> "Calibration":
        """As it is stored in a manifest."""
        return Calibration(round(self.temperature, 4), round(self.uniform, 4))


def _lowest(f: Callable[[float], float], low: float, high: float, steps: int) -> float:
    """Where f is lowest between two points, by golden-section search."""
    a, b = high - Golden * (high - low), low + Golden * (high - low)
    at_a, at_b = f(a), f(b)
    for _ in range(steps):
        if at_a <= at_b:
            high, b, at_b = b, a, at_a
            a = high - Golden * (high - low)
            at_a = f(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + Golden * (high - low)
            at_b = f(b)
    return (low + high) / 2


def fit(logits: np.ndarray, label: np.ndarray) -> Calibration:
    """The most likely calibration, with log t normal around 0: a handful of utterances cannot ask for certainty."""
    guess = logits.argmax(1)
    right, classes = guess == label, logits.shape[1]

    def loss(confidence: np.ndarray, log_t: float, u: float) -> float:
        p = np.clip((1 - u) * confidence + u / classes, 1e-9, 1 - 1e-9)
        return -np.where(right, np.log(p), np.log1p(-p)).sum() + 0.5 * log_t**2

    def confidence_at(log_t: float) -> np.ndarray:
        return metrics.softmax(logits / math.exp(log_t)).max(1)

    def best_uniform(log_t: float) -> float:
        confidence = confidence_at(log_t)
        return _lowest(lambda u: loss(confidence, log_t, u), 0.0, 0.5, 16)

    log_t = _lowest(lambda x: loss(confidence_at(x), x, best_uniform(x)), -math.log(8), math.log(8), 24)
    uniform = best_uniform(log_t)
    plain = loss(confidence_at(log_t), log_t, 0.0) <= loss(confidence_at(log_t), log_t, uniform)
    return Calibration(math.exp(log_t), 0.0 if plain else uniform)


def nll(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Mean negative log-likelihood of the truth."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(label)), label], 1e-12)).mean())


def ece(probabilities: np.ndarray, label: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top label over equal-width bins."""
    return _ece(probabilities.max(1), probabilities.argmax(1) == label, bins)


def _ece(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(place, weights=confidence, minlength=bins) - np.bincount(place, weights=right, minlength=bins)
    return float(np.abs(gap).sum() / len(right))


def ece_of_a_perfect_model(probabilities: np.ndarray, seed: int, draws: int = 1000) -> tuple[float, float]:
    """Mean and 95th percentile of the ECE-15 that these very confidences show when they are exactly right.

    The error is a sum of absolute deviations, so it is never near 0 on a few hundred utterances: a figure below the
    95th percentile is no evidence of miscalibration.
    """
    rng, confidence = np.random.default_rng(seed), probabilities.max(1)
    seen = [_ece(confidence, rng.random(len(confidence)) < confidence) for _ in range(draws)]
    return float(np.mean(seen)), float(np.percentile(seen, 95))


def conformal_threshold(probabilities: np.ndarray, label: np.ndarray, coverage: float) -> float:
    """The highest t such that {labels with p >= t} holds the truth with the asked coverage on exchangeable data.

    With n calibration utterances t is the floor((1-coverage)(n+1))-th smallest probability of the truth; 0 when n is too small.
    """
    truth = np.sort(probabilities[np.arange(len(label)), label])
    rank = math.floor((1 - coverage) * (len(truth) + 1) + 1e-9)
    return float(truth[rank - 1]) if rank >= 1 else 0.0


def coverage_of(probabilities: np.ndarray, label: np.ndarray, threshold: float) -> tuple[float, float]:
    """Share of utterances whose set holds the truth, and the mean size of the sets."""
    return (float((probabilities[np.arange(len(label)), label] >= threshold).mean()),
            float((probabilities >= threshold).sum(1).mean()))


def held_out(logits: list[np.ndarray], labels: list[np.ndarray], coverage: float, seed: int, splits: int = 100) -> dict[str, float]:
    """What calibration and conformal sets are worth on dialogues that they were not fitted to.

    Every split cuts the dialogues into random halves: each half is calibrated on the other. ECE and NLL are of both
    halves together, coverage and set size of the second; all are means over the splits. Empty with fewer than four dialogues.
    """
    full = [i for i, l in enumerate(labels) if len(l)]
    if len(full) < 4:
        return {}
    rng, seen = np.random.default_rng(seed), []
    for _ in range(splits):
        order = rng.permutation(full)
        halves = order[: len(order) // 2], order[len(order) // 2:]
        (x, y), (v, w) = ((np.concatenate([logits[i] for i in h]), np.concatenate([labels[i] for i in h])) for h in halves)
        first, second = fit(x, y), fit(v, w)
        p = first.apply(v)
        covered, size = coverage_of(p, w, conformal_threshold(first.apply(x), y, coverage))
        both, truth = np.concatenate([second.apply(x), p]), np.concatenate([y, w])
        seen.append((covered, size, ece(both, truth), nll(both, truth)))
    mean = np.mean(seen, axis=0)
    return {"coverage": float(mean[0]), "setSize": float(mean[1]), "ece": float(mean[2]), "nll": float(mean[3]), "splits": float(splits)}
