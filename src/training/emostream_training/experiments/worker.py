"""A worker process: python3 -m emostream_training.experiments.worker RUN.json. Trains, writes the bundle, evaluates it."""
from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ..bundle import BundleOptions, write_bundle
from ..config import parse
from ..dataset import Description, read_dialogues
from ..errors import UserError
from ..revision import revision
from ..train import load_context, train
from .plan import check
from .runs import Run


def main(arguments: list[str]) -> int:
    import torch

    revision()
    run = Run.read(Path(arguments[0]))
    torch.set_num_threads(run.setting.threads)
    torch.set_flush_denormal(True)
    with open(Path(run.directory) / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"error: another process works in {run.directory}", file=sys.stderr)
            return 1
        try:
            result = fuse(run) if run.members else evaluate(run, make(run))
        except UserError as e:
            print(f"error: {e}", file=sys.stderr)
            return 1
        partial = run.evaluation.with_suffix(".partial")
        partial.write_text(json.dumps(result) + "\n", "utf-8")
        os.replace(partial, run.evaluation)
    return 0


def fuse(run: Run) -> dict:
    from .ensemble import late_fusion

    members = [Run.read(Path(m) / "run.json") for m in run.members]
    return late_fusion(members)


def make(run: Run) -> Path:
    """1 train, unless an earlier process did, 2 write the bundle. The run's directory comes back with context.pt in it."""
    directory = Path(run.directory)
    options, sizes, parts, description = check(run.config, "run.json")
    finished = directory / "trained"
    if not finished.is_file():
        train(options, sizes, parts, description, Path(run.data), Path(run.dev), directory, run.seed)
        finished.touch()
        for checkpoint in list(directory.rglob("checkpoint.pt")):
            checkpoint.unlink()  # three times the model's size, and of no more use
    return bundle(run, description, directory)


def bundle(run: Run, description: Description, directory: Path) -> Path:
    table = dict(run.config.get("bundle", {}))
    sources, data = table.pop("sources", []), table.pop("data", [])
    options = parse(BundleOptions, table, "run.json: [bundle]")
    model, stored = load_context(directory / "context.pt")
    out = directory / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    write_bundle(options, sources, data, description, model, None, read_dialogues(Path(run.dev), description), out, stored)
    return out


def evaluate(run: Run, bundle_directory: Path) -> dict:
    """The product's own evaluation of the bundle, as JSON."""
    spaces = [f"{m['name']}={m['feature_space']}" for m in run.config["dataset"]["modalities"]]
    return evaluate_bundle(run.setting.emostream, bundle_directory, Path(run.test), spaces)


def evaluate_bundle(emostream: str, bundle_directory: Path, file: Path, spaces: list[str]) -> dict:
    command = [*shlex.split(emostream), "evaluate", str(file), "--bundle", str(bundle_directory), "--json"]
    for space in spaces:
        command += ["--features", space]
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if process.returncode:
        reason = (process.stderr.strip() or process.stdout.strip()).splitlines()[-1:] or ["no output"]
        raise UserError(f"{shlex.join(command)} ended with {process.returncode}: {reason[0]}")
    result = json.loads(process.stdout)
    lacking = {"weightedF1", "subsets", "missing", "calibration"} - set(result)
    if lacking:
        raise UserError(f"{emostream}: its evaluation lacks {', '.join(sorted(lacking))}; build the program of this revision")
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
