"""Runs worker processes, a bounded number at a time. What was done stays done: a second command takes up where one ended."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..errors import UserError
from .runs import PACKAGE, Run

GRACE = 10  # seconds for a cancelled worker to leave
WORKER = (sys.executable, "-m", f"{__package__}.worker")  # takes the path of run.json


def run_all(runs: list[Run], jobs: int, say=lambda line: print(line, flush=True)) -> None:
    """Runs what is not done yet, `jobs` at a time; ensembles wait for their members by their place in the list.

    The first failure lets the others finish and then raises, naming the run's log.
    """
    unique = list({(r.directory, r.evaluation_key): r for r in runs}.values())
    waiting = [r for r in unique if not r.done]
    if len(waiting) < len(unique):
        say(f"{len(unique) - len(waiting)} of {len(unique)} runs were done before")
    active: dict[subprocess.Popen, tuple[Run, float]] = {}
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by a service or a job system: as by ^C
    began, finished, total, failed = time.monotonic(), 0, len(waiting), None
    try:
        while waiting and failed is None or active:
            while waiting and failed is None and len(active) < jobs and _ready(waiting[0], active):
                run = waiting.pop(0)
                active[_start(run)] = (run, time.monotonic())
            process = _next_end(active)
            run, since = active.pop(process)
            if process.returncode != 0 or not run.done:
                failed = failed or run
                continue
            finished += 1
            left = total - finished
            estimate = (time.monotonic() - began) / finished * left / 60
            say(f"[{finished}/{total}] {run.variant} seed {run.seed} in {time.monotonic() - since:.0f} s"
                + (f"; {left} to go, about {estimate:.0f} min" if left else ""))
    except BaseException:
        _stop(active)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    if failed:
        log = Path(failed.directory) / "log.txt"
        last = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()][-1:] or ["no output"]
        raise UserError(f"{failed.variant} seed {failed.seed} failed: {last[0]} (log: {log})")


def _ready(run: Run, active: dict) -> bool:
    return not active or not any(r.directory in run.members for r, _ in active.values())


def _start(run: Run) -> subprocess.Popen:
    spec = run.write()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))}
    with open(spec.with_name("log.txt"), "ab") as log:
        # A session of its own, so that the worker and the evaluation it started can be ended together.
        return subprocess.Popen([*WORKER, str(spec)], stdin=subprocess.DEVNULL, stdout=log,
                                stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def _next_end(active: dict[subprocess.Popen, tuple[Run, float]]) -> subprocess.Popen:
    """Waits until a worker ended."""
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    while True:
        for process in active:
            if process.poll() is not None:
                return process
        time.sleep(0.05)


def _stop(active: dict[subprocess.Popen, tuple[Run, float]]) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        for process in active:
            try:
                os.killpg(process.pid, signal_number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + GRACE
        for process in active:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
