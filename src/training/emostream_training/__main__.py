"""The command line: python3 -m emostream_training COMMAND. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled."""
from __future__ import annotations

import argparse
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from .errors import UserError
from .experiments.arguments import add_command as add_experiment

DEVICE = dict(default="auto", metavar="NAME", help="auto, cpu or cuda (default: auto: CUDA where torch sees it)")


def main(arguments: list[str] | None = None) -> int:
    try:
        options = _parser().parse_args(arguments)
        with _interrupts_later():
            import torch  # here, so that --help answers at once

            torch.set_num_threads(options.threads)
            torch.set_flush_denormal(True)
            from . import commands
            from .revision import revision

            revision()
        getattr(commands, options.command)(options)
        return 0
    except (UserError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cancelled; the same command resumes from the last checkpoint", file=sys.stderr)
        return 130


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Ctrl+C waits for the end of the block: torch's import would make an error of its own of it."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emostream_training", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=__doc__.split(":")[0] + ": trains EmoStream's models.",
        epilog="From labelled meetings to a bundle that serves:\n"
               "  emostream features meetings.jsonl --bundle infra/models/general --out features.jsonl\n"
               "  python3 -m emostream_training train --data features.jsonl --encoder infra/models/general --out run\n"
               "  python3 -m emostream_training bundle --run run --out my-bundle\n"
               "With an encoder of your own: finetune, encoder, `emostream features` (C#), train, bundle; see README.md.")
    parser.add_argument("--threads", type=_whole(1, 1024), default=1, metavar="N", help="threads of torch; one is fastest for small models (default: 1)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str, example: str, *arguments: tuple[str, dict]) -> None:
        sub = commands.add_parser(name, help=help, description=help, epilog="Example: python3 -m emostream_training " + example)
        for flag, settings in arguments:
            sub.add_argument(flag, **settings)

    def path(help: str, required: bool = True) -> dict:
        return dict(type=Path, required=required, metavar="PATH", help=help)

    seed = dict(type=_whole(0, 2**32 - 1), default=1, metavar="N", help="seed of everything random (default: 1)")
    config = "TOML file with the tables this command reads; see configs/"
    command("finetune", "Fine-tune a text encoder on labelled texts; resumes when --out holds a checkpoint.",
            "finetune --config configs/meld.toml --data train.tokens.jsonl --dev dev.tokens.jsonl --encoder minilm --out run/text",
            ("--config", path(config)),
            ("--data", path("training texts with `tokens`, JSON Lines")), ("--dev", path("held-out texts with `tokens`")),
            ("--encoder", path("where to start: a Hugging Face encoder directory (BERT, RoBERTa, XLM-RoBERTa, DeBERTa v2/v3), or encoder.pt of an earlier run")),
            ("--out", path("directory of the run: encoder.pt, train.csv, dev.csv, checkpoint.pt")), ("--seed", seed),
            ("--epochs", dict(type=_whole(1), metavar="N", help="instead of the configuration's")),
            ("--device", DEVICE))
    command("encoder", "Export an encoder as a bundle that only encodes, for `emostream features --bundle`.",
            "encoder --config configs/meld.toml --encoder run/text/encoder.pt --vocabulary minilm/vocab.txt --out run/encoder",
            ("--config", path(config)),
            ("--encoder", path("a Hugging Face encoder directory, or encoder.pt of a run")),
            ("--vocabulary", path("directory with the encoder's tokenizer files, or vocab.txt of a BERT (default: --encoder)", required=False)),
            ("--space", dict(metavar="NAME@N", help="name of the descriptors' vector space (default: that of text in [dataset])")),
            ("--max-tokens", dict(type=_whole(3), default=128, metavar="N", help="longest text in tokens (default: 128)")),
            ("--weights", dict(default="int8", metavar="KIND", help="how matrices are stored: int8 or float32 (default: int8)")),
            ("--out", path("directory of the bundle")))
    command("train", "Train the context model on features; resumes when --out holds a checkpoint.",
            "train --data features.jsonl --encoder infra/models/general --out run",
            ("--data", path("training dialogues with `features`, JSON Lines")),
            ("--encoder", path("the bundle that wrote the features of text; it names their space", required=False)),
            ("--features", dict(action="append", default=[], metavar="MODALITY=NAME@N",
                                help="feature space of the data's audio, face or body vectors; may be repeated")),
            ("--dev", path("held-out dialogues with `features` (default: some of --data, see --held-out)", required=False)),
            ("--held-out", dict(type=_share, default=0.2, metavar="SHARE",
                                help="share of the conversations that is held out without --dev, drawn by --seed (default: 0.2)")),
            ("--config", path(config + " (default: labels and modalities are those of the data)", required=False)),
            ("--out", path("directory of the run: context.pt, run.json, log.csv, checkpoint.pt")), ("--seed", seed),
            ("--device", DEVICE))
    command("bundle", "Export the context model, calibrate on the held-out dialogues and write the bundle that serves.",
            "bundle --run run --out my-bundle",
            ("--run", path("the --out of `train`")), ("--out", path("directory of the bundle")),
            ("--config", path("TOML file with a [bundle] table (default: the bundle is named after --out)", required=False)),
            ("--encoder", path("the bundle with the text encoder (default: that of `train`; without one text is taken as vectors)", required=False)),
            ("--dev", path("held-out dialogues with `features` (default: those of `train`)", required=False)),
            ("--logits", path("also write the held-out logits: a JSON object from utteranceId to a list", required=False)))
    add_experiment(commands)
    return parser


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < low or high is not None and value > high:
            raise argparse.ArgumentTypeError(f"must be {low} {'or more' if high is None else f'to {high}'}")
        return value

    return number


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError("expected a share between 0 and 1")
    return share


if __name__ == "__main__":
    sys.exit(main())
