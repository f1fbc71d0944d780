"""The arguments of the command `experiment`."""
from __future__ import annotations

import argparse
from pathlib import Path

HELP = "Run one of the paper's experiments and write its report with figures; resumes, and reuses the runs it has."
EPILOG = """\
experiments: complete, missing, ablation, privacy, generalisation, all; or the path of a plan (see configs/experiments).

examples:
  python3 -m emostream_training experiment complete --config configs/iemocap.toml --data train.jsonl --dev dev.jsonl \\
      --emostream "dotnet ../EmoStream.Cli/bin/Release/net10.0/emostream.dll" --out reports
  python3 -m emostream_training experiment all ... --seeds 3 --jobs 2 --out reports
  python3 -m emostream_training experiment generalisation ... --across ../../infra/models/meld dailydialog-dev.jsonl --out reports

Runs are kept in OUT/runs under a hash of configuration, data, seed and code: experiments share them, and the same
command takes up where it was interrupted. The reports are OUT/EXPERIMENT/report.md. Training
and evaluation both take the vectors in the files, text too, so the bundles hold no encoder.
"""


def add_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser("experiment", help=HELP, description=HELP, epilog=EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)

    def path(flag: str, help: str, **more: object) -> None:
        parser.add_argument(flag, **{"type": Path, "metavar": "PATH", "required": True, "help": help, **more})

    parser.add_argument("experiment", metavar="EXPERIMENT", help="which experiment, all, or the path of a plan")
    path("--config", "TOML file as `train` and `bundle` read it: the full model")
    path("--data", "training dialogues with `features`, JSON Lines")
    path("--dev", "held-out dialogues with `features`: choose the epoch, calibrate, and are measured")
    parser.add_argument("--emostream", required=True, metavar="COMMAND", help="the product's command line, which evaluates; such as \"dotnet .../emostream.dll\"")
    parser.add_argument("--across", nargs=2, action="append", default=[], type=Path, metavar=("BUNDLE", "FILE"),
                        help="for generalisation: also evaluate this bundle on this file of another data set, whose vectors "
                             "must be of the bundle's feature spaces; may be repeated")
    parser.add_argument("--seeds", type=_positive, default=5, metavar="N", help="seeds 1 to N (default: 5)")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="runs at a time, of --threads threads each (default: 1)")
    path("--out", "directory of the runs and reports")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value
