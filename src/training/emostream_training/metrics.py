"""Figures of merit for single-label and multi-label classification, numpy only."""
from __future__ import annotations

import numpy as np

from .dataset import UNLABELLED


def f1_per_class(truth: np.ndarray, guess: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """F1, NaN for a class that neither occurs nor is guessed, and number of true examples per class."""
    f1, support = np.full(classes, np.nan), np.zeros(classes, dtype=np.int64)
    for c in range(classes):
        hit = int(((truth == c) & (guess == c)).sum())
        wrong = int(((truth == c) != (guess == c)).sum())
        support[c] = int((truth == c).sum())
        f1[c] = 2 * hit / (2 * hit + wrong) if hit + wrong else np.nan
    return f1, support


def classification(truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Weighted F1, macro F1 (over the classes that occur or are guessed, as scikit-learn) and accuracy; rows that are
    UNLABELLED do not count."""
    known = truth != UNLABELLED
    truth, guess = truth[known], logits[known].argmax(-1)
    f1, support = f1_per_class(truth, guess, logits.shape[-1])
    return {"weightedF1": float(np.nansum(f1 * support) / support.sum()),
            "macroF1": float(np.nanmean(f1)),
            "accuracy": float((truth == guess).mean())}


def multi_label(truth: np.ndarray, logits: np.ndarray, threshold: float = 0.3) -> dict[str, float]:
    """Macro and micro F1 of truth [n, C] in {0, 1} at a probability threshold."""
    guess = 1 / (1 + np.exp(-logits)) >= threshold
    hit = (guess & (truth > 0)).sum(0)
    wrong = (guess != (truth > 0)).sum(0)
    f1 = np.where(hit > 0, 2 * hit / np.maximum(2 * hit + wrong, 1), 0.0)
    return {"macroF1": float(f1.mean()), "microF1": float(2 * hit.sum() / max(2 * hit.sum() + wrong.sum(), 1))}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis."""
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rank_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a random positive value is larger than a random negative one; ties count half."""
    values = np.concatenate([positive, negative])
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((rank[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def fusion_auc(weights: np.ndarray, right: np.ndarray) -> float | None:
    """How well fusion weights [n, m] tell which modality's own head was right, bool [n, m], on utterances that bring all.

    For every pair of modalities, over the utterances where exactly one of the two was right: the probability that the first's
    share of the pair's weight is larger where the first was right than where the second was. Pairs count by their utterances.
    """
    sums, total = 0.0, 0
    for m in range(weights.shape[1]):
        for n in range(m + 1, weights.shape[1]):
            share = weights[:, m] / np.maximum(weights[:, m] + weights[:, n], 1e-9)
            first, second = share[right[:, m] & ~right[:, n]], share[right[:, n] & ~right[:, m]]
            if len(first) and len(second):
                sums += rank_auc(first, second) * (len(first) + len(second))
                total += len(first) + len(second)
    return sums / total if total else None
