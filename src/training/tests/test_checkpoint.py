"""Checkpoints: what is saved comes back, and a file that holds anything else is refused unread."""
import os

import numpy as np
import pytest
import torch

from conftest import TINY
from emostream_training import checkpoint
from emostream_training.errors import UserError
from emostream_training.train import load_context


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


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "c.pt"
    checkpoint.save(path, step=1)
    (tmp_path / "c.pt.partial").symlink_to("/dev/full")
    with pytest.raises(UserError, match=f"^{path}: cannot be written: No space left on device$"):
        checkpoint.save(path, step=2, state=torch.ones(100_000))
    assert checkpoint.load(path) == {"step": 1} and [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_a_log_goes_on_after_rows_that_a_crash_left(tmp_path):
    log = checkpoint.CsvLog(tmp_path / "log.csv", ["step", "loss"])
    log.write(step=1, loss=0.5)
    whole = (tmp_path / "log.csv").read_bytes()
    for torn in (b"2", b"garbage,3\r\n", b"1,2,3\r\n", b"\xff\x00\r\n", b"\xc2\xb2,1\r\n", b"9" * 5000 + b",1\r\n"):
        (tmp_path / "log.csv").write_bytes(whole + torn)
        checkpoint.CsvLog(tmp_path / "log.csv", ["step", "loss"], resume_at=3)
        assert (tmp_path / "log.csv").read_bytes() == whole


@pytest.mark.parametrize("damage, says", [
    (lambda c: c.pop("labels"), "lacks labels; train again"), (lambda c: c.update(model=3), "is no checkpoint, or damaged"),
    (lambda c: c["model"]["options"].update(width="x"), "is no checkpoint, or damaged"),
    (lambda c: c["state"].popitem(), "is no checkpoint, or damaged: Error.s. in loading state_dict"),
    (lambda c: c["model"]["options"].update(width=32), "is no checkpoint, or damaged: Error.s. in loading state_dict")])
def test_a_damaged_context_model_is_one_line(tmp_path, context, damage, says):
    model = context(("text", 4))
    content = {"state": model.state_dict(), "model": model.describe(), "labels": [], "seed": 1, "settings": {}, "revision": "r"}
    checkpoint.save(tmp_path / "context.pt", **content)
    load_context(tmp_path / "context.pt")
    damage(content)
    checkpoint.save(tmp_path / "context.pt", **content)
    with pytest.raises(UserError, match=f"context.pt: .*{says}") as e:
        load_context(tmp_path / "context.pt")
    assert "\n" not in str(e.value)


def test_another_object_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "c.pt")
    with pytest.raises(UserError, match="holds a list"):
        checkpoint.load(tmp_path / "c.pt")
