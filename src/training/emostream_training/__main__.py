"""The command line: python3 -m emostream_training COMMAND. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 cancelled."""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .errors import UserError
from .experiments.arguments import add_command as add_experiment

SEED = dict(type=int, default=1, metavar="N", help="seed of everything random (default: 1)")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        import torch  # here, so that --help answers at once

        torch.set_num_threads(options.threads)
        torch.set_flush_denormal(True)
        options.run(options)
        return 0
    except UserError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cancelled; the same command resumes from the last checkpoint", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emostream_training", description=__doc__.split(":")[0] + ": trains EmoStream's models. "
                                     "Order: finetune, encoder, `emostream features` (C#), train, bundle.")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of torch; one is fastest for small models (default: 1)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, help: str, *arguments: tuple[str, dict]) -> None:
        sub = commands.add_parser(name, help=help, description=help)
        for flag, settings in arguments:
            sub.add_argument(flag, **settings)
        sub.set_defaults(run=run)

    def path(help: str, required: bool = True) -> dict:
        return dict(type=Path, required=required, metavar="PATH", help=help)

    config = ("--config", path("TOML file with the tables this command reads; see configs/"))
    command("finetune", _finetune, "Fine-tune a text encoder on labelled texts; resumes when --out holds a checkpoint.", config,
            ("--data", path("training texts with `tokens`, JSON Lines")), ("--dev", path("held-out texts with `tokens`")),
            ("--encoder", path("where to start: a directory with config.json and .npz, or encoder.pt of an earlier run")),
            ("--out", path("directory of the run: encoder.pt, train.csv, dev.csv, checkpoint.pt")), ("--seed", SEED))
    command("encoder", _encoder, "Export an encoder as a bundle that only encodes, for `emostream features --bundle`.", config,
            ("--encoder", path("a directory with config.json and .npz, or encoder.pt of a run")),
            ("--vocabulary", path("the encoder's WordPiece vocab.txt")),
            ("--space", dict(metavar="NAME@N", help="name of the descriptors' vector space (default: that of text in [dataset])")),
            ("--max-tokens", dict(type=int, default=128, metavar="N", help="longest text in tokens (default: 128)")),
            ("--out", path("directory of the bundle")))
    command("train", _train, "Train the context model on features; resumes when --out holds a checkpoint.", config,
            ("--data", path("training dialogues with `features`, JSON Lines")), ("--dev", path("held-out dialogues with `features`")),
            ("--out", path("directory of the run: context.pt, log.csv, checkpoint.pt")), ("--seed", SEED))
    command("bundle", _bundle, "Export the context model, calibrate on held-out dialogues and write the bundle that serves.", config,
            ("--context", path("context.pt of a run of `train`")), ("--encoder", path("the bundle written by `encoder`; only for text", required=False)),
            ("--dev", path("held-out dialogues with `features`")), ("--out", path("directory of the bundle")),
            ("--revision", dict(required=True, metavar="SHA", help="git revision of the training code, for the manifest")),
            ("--logits", path("also write the held-out logits: a JSON object from utteranceId to a list", required=False)))
    add_experiment(commands)
    return parser


def _table(config: dict, name: str, path: Path) -> dict:
    if not isinstance(config.get(name), dict):
        raise UserError(f"{path}: lacks the table [{name}]")
    return config[name]


def _finetune(a: argparse.Namespace) -> None:
    from .config import parse, read_toml
    from .dataset import Description
    from .finetune import FinetuneOptions, finetune

    config = read_toml(a.config)
    description = Description.parse(_table(config, "dataset", a.config), f"{a.config}: [dataset]")
    options = parse(FinetuneOptions, _table(config, "finetune", a.config), f"{a.config}: [finetune]")
    figures = finetune(options, list(description.labels), a.data, a.dev, a.encoder, a.out, a.seed)
    print(json.dumps({"encoder": str(a.out / "encoder.pt"), "dev": figures}))


def _encoder(a: argparse.Namespace) -> None:
    from .bundle import write_encoder_bundle
    from .config import read_toml
    from .dataset import Description
    from .finetune import load_encoder

    config = read_toml(a.config)
    description = Description.parse(_table(config, "dataset", a.config), f"{a.config}: [dataset]")
    space = a.space or next((m.feature_space for m in description.modalities if m.name == "text"), None)
    if space is None:
        raise UserError(f"{a.config}: [dataset] describes no text modality; give --space")
    manifest = write_encoder_bundle(load_encoder(a.encoder), a.vocabulary, space, str(_table(config, "bundle", a.config).get("license")),
                                    description.labels, a.max_tokens, a.out)
    print(json.dumps({"bundle": str(a.out), "files": manifest["files"]}))


def _train(a: argparse.Namespace) -> None:
    from .config import parse, read_toml
    from .context import ContextOptions
    from .dataset import Description
    from .losses import LossOptions
    from .train import TrainOptions, train

    config = read_toml(a.config)
    description = Description.parse(_table(config, "dataset", a.config), f"{a.config}: [dataset]")
    parts = [parse(kind, config.get(name, {}), f"{a.config}: [{name}]")
             for kind, name in ((TrainOptions, "train"), (ContextOptions, "context"), (LossOptions, "loss"))]
    print(json.dumps({"context": str(a.out / "context.pt"), "dev": train(*parts, description, a.data, a.dev, a.out, a.seed)}))


def _bundle(a: argparse.Namespace) -> None:
    from .bundle import BundleOptions, write_bundle
    from .config import parse, read_toml
    from .dataset import Description, read_dialogues
    from .train import load_context

    config = read_toml(a.config)
    description = Description.parse(_table(config, "dataset", a.config), f"{a.config}: [dataset]")
    table = dict(_table(config, "bundle", a.config))
    sources, data = table.pop("sources", []), table.pop("data", [])
    options = parse(BundleOptions, table, f"{a.config}: [bundle]")
    model, stored = load_context(a.context)
    if stored["labels"] != list(description.labels) or model.modalities != description.modalities:
        raise UserError(f"{a.context}: was trained on other labels or modalities than {a.config} describes")
    manifest = write_bundle(options, sources, data, description, model, a.encoder, read_dialogues(a.dev, description), a.out,
                            stored["seed"], a.revision, a.logits)
    print(json.dumps({"bundle": str(a.out), "metrics": manifest["training"]["metrics"]}))


if __name__ == "__main__":
    sys.exit(main())
