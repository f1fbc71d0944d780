"""One run: a variant trained with one seed, its bundle, its evaluation. A run is known by a hash of all it depends on."""
from __future__ import annotations

import ast
import hashlib
import json
import shlex
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from ..errors import UserError
from .plan import TRAINED, Variant

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Setting:
    """What every run of a command shares: the program that evaluates, the code's revision."""

    emostream: str            # command line of the product's CLI
    revision: str             # git revision, for the manifests
    threads: int = 1


@dataclass(frozen=True)
class Run:
    """Everything a worker process needs; `directory` holds run.json, context.pt, bundle/ and the evaluation."""

    directory: str
    variant: str
    config: dict
    data: str
    dev: str
    test: str                 # the file to evaluate on; the dev file but in leave-one-out folds
    seed: int
    evaluation_key: str
    setting: Setting
    members: tuple[str, ...] = ()  # directories of an ensemble's runs

    @property
    def evaluation(self) -> Path:
        return Path(self.directory) / f"evaluation-{self.evaluation_key}.json"

    @property
    def done(self) -> bool:
        return self.evaluation.is_file()

    def calibration(self) -> dict:
        """What the bundle's manifest says of its calibration, by subset of the modalities; empty without a bundle (ensembles)."""
        manifest = Path(self.directory) / "bundle" / "manifest.json"
        return json.loads(manifest.read_text("utf-8"))["training"]["metrics"]["dev"] if manifest.is_file() else {}

    def write(self) -> Path:
        path = Path(self.directory) / "run.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", "utf-8")
        return path

    @staticmethod
    def read(path: Path) -> "Run":
        raw = json.loads(path.read_text("utf-8"))
        return Run(**{**raw, "directory": str(path.parent), "setting": Setting(**raw["setting"]), "members": tuple(raw["members"])})


def plan_run(variant: Variant, seed: int, data: Path, dev: Path, test: Path, setting: Setting, out: Path) -> Run:
    """The run of a variant with a seed, in the directory that its training's hash names."""
    trained = digest({"config": {t: variant.config.get(t, {}) for t in TRAINED}, "data": file_digest(data),
                      "dev": file_digest(dev), "seed": seed, "code": code_digest("train")})
    evaluated = digest({"bundle": variant.config.get("bundle", {}), "test": file_digest(test),
                        "code": code_digest("bundle"), "program": program_digest(setting.emostream)})
    return Run(str(out / "runs" / trained), variant.name, variant.config, str(data), str(dev), str(test), seed, evaluated, setting)


def plan_ensemble(name: str, members: list[Run], out: Path) -> Run:
    """Late fusion of runs that differ in their modality alone."""
    key = digest({"members": [(m.directory, m.evaluation_key) for m in members], "code": code_digest("experiments/ensemble")})
    first = members[0]
    return Run(str(out / "runs" / f"ensemble-{key}"), name, {}, first.data, first.dev, first.test, first.seed, key, first.setting,
               tuple(m.directory for m in members))


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


@cache
def file_digest(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def code_digest(module: str) -> str:
    """Hash of a module of this package and of all modules it imports from it: what its results depend on, and no more."""
    seen, waiting = {}, [PACKAGE / f"{module}.py"]
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        source = path.read_text("utf-8")
        seen[path] = hashlib.sha256(source.encode()).hexdigest()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                waiting += [base.with_suffix(".py")] if node.module else [base / f"{n.name}.py" for n in node.names]
                waiting += [base / f"{n.name}.py" for n in node.names]
    return digest(sorted((str(p.relative_to(PACKAGE)), h) for p, h in seen.items()))


@cache
def program_digest(command: str) -> str:
    """Hash of the product's own assemblies beside the program: another build is another evaluation."""
    program = next((Path(word) for word in shlex.split(command) if Path(word).is_file()), None)
    if program is None:
        raise UserError(f"--emostream {command!r}: names no file; give the built program, such as \"dotnet .../emostream.dll\"")
    own = sorted(p for p in program.parent.iterdir() if p.suffix == ".dll" and p.name.lower().startswith("emostream"))
    return digest([(p.name, file_digest(p)) for p in own or [program]])
