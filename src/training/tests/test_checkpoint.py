"""Checkpoints: what is saved comes back, and a file that holds anything else is refused unread."""
import os

import numpy as np
import pytest
import torch

from conftest import TINY
from emostream_training import checkpoint
from emostream_training.errors import UserError


class Harm:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_what_is_saved_comes_back(tmp_path):
    network = torch.nn.Sequential(torch.nn.Embedding(5, 4, sparse=True), torch.nn.Linear(4, 2))
    optimizers = [torch.optim.AdamW(network[1].parameters(), betas=(0.9, 0.999)), torch.optim.SparseAdam(network[0].parameters())]
    network(torch.tensor([1, 2])).sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    content = {"model": network.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "rng": torch.get_rng_state(),
               "best": {"epoch": 3, "weightedF1": 0.25, "cells": {"text+audio": float(np.float64(0.5))}}, "seed": 2**40, "labels": ["a", "é"],
               "config": TINY.to_json(), "made": checkpoint.digests({"seed": 1}), "none": None, "yes": True}
    checkpoint.save(tmp_path / "c.pt", **content)
    found = checkpoint.load(tmp_path / "c.pt")
    assert set(found) == set(content) and torch.equal(found["rng"], content["rng"])
    assert all(found[k] == content[k] for k in ("best", "seed", "labels", "config", "made", "none", "yes"))
    assert all(torch.equal(found["model"][k], v) for k, v in content["model"].items())
    for optimizer, state in zip(optimizers, found["optimizers"]):
        optimizer.load_state_dict(state)


@pytest.mark.parametrize("zipped, says", [(True, "holds (posix|nt).mkdir"), (False, "")])
def test_code_in_a_file_is_not_run(tmp_path, zipped, says):
    torch.save({"encoder": Harm(tmp_path / "harm")}, tmp_path / "c.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UserError, match="c.pt: is no checkpoint, or damaged: " + says):
        checkpoint.load(tmp_path / "c.pt")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"text", lambda b: b[: len(b) // 2], lambda b: b[:200] + b"\xff" * 60 + b[260:]])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "c.pt"
    checkpoint.save(path, state={"a": torch.ones(50)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="c.pt: is no checkpoint"):
        checkpoint.load(path)


def test_another_object_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "c.pt")
    with pytest.raises(UserError, match="holds a list"):
        checkpoint.load(tmp_path / "c.pt")
