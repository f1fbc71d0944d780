"""Figures of merit for single-label and multi-label classification, numpy only."""
from __future__ import annotations

import numpy as np


def f1_per_class(truth: np.ndarray, guess: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """F1 and number of true examples per class."""
    f1, support = np.zeros(classes), np.zeros(classes, dtype=np.int64)
    for c in range(classes):
        hit = int(((truth == c) & (guess == c)).sum())
        wrong = int(((truth == c) != (guess == c)).sum())
        support[c] = int((truth == c).sum())
        f1[c] = 2 * hit / (2 * hit + wrong) if hit else 0.0
    return f1, support


def classification(truth: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Weighted F1, macro F1 (over the classes that occur) and accuracy."""
    guess = logits.argmax(-1)
    f1, support = f1_per_class(truth, guess, logits.shape[-1])
    return {"weightedF1": float((f1 * support).sum() / support.sum()),
            "macroF1": float(f1[support > 0].mean()),
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
