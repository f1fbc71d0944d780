"""Plans and runs: what is trained, and when an earlier run is taken for it."""
import copy
import functools

import pytest

from conftest import write_lines
from emostream_training.errors import UserError
from emostream_training.experiments import runs
from emostream_training.experiments.folds import make_folds
from emostream_training.experiments.plan import ORDER, PLANS, locate, read_plan
from emostream_training.experiments.runs import Setting, code_digest, plan_ensemble, plan_run, program_digest

CONFIG = {
    "dataset": {"name": "toy", "labels": ["calm", "glad", "cross"], "modalities": [
        {"name": "audio", "feature_space": "audio/toy@1", "dimension": 3}, {"name": "face", "feature_space": "face/toy@1", "dimension": 4}]},
    "context": {"width": 16, "heads": 2}, "train": {"epochs": 2},
    "bundle": {"name": "toy", "version": "0.1.0", "license": "none", "description": "A toy."},
}
PLAN = """
title = "A test"
reference = "full"
views = ["cells"]
[[variant]]
name = "full"
title = "full model"
[[variant]]
name = "only"
title = "{modality} alone"
each = "modality"
[[variant]]
name = "short"
set = { "train.epochs" = 1, "context.window" = 2 }
[[variant]]
name = "same"
set = { "train.epochs" = 2 }
[[variant]]
name = "words"
needs = ["text"]
[[ensemble]]
name = "late"
title = "late fusion"
of = "only"
"""


def plan(tmp_path, text=PLAN, config=CONFIG):
    (tmp_path / "test.toml").write_text(text)
    return read_plan(tmp_path / "test.toml", config, "toy.toml")


def test_variants_are_the_configuration_with_their_changes(tmp_path):
    before = copy.deepcopy(CONFIG)
    p = plan(tmp_path)
    of = {v.name: v for v in p.variants}
    assert list(of) == ["full", "only-audio", "only-face", "short"]  # `same` changes nothing, `words` needs text
    assert of["full"].config == CONFIG == before
    assert of["short"].config["train"] == {"epochs": 1} and of["short"].config["context"] == {"width": 16, "heads": 2, "window": 2}
    assert of["only-face"].modalities == ["face"] and of["only-face"].title == "face alone"
    assert p.ensembles[0].members == ("only-audio", "only-face") and p.titles()["late"] == "late fusion"


def test_one_modality_leaves_nothing_to_fuse(tmp_path):
    config = copy.deepcopy(CONFIG)
    del config["dataset"]["modalities"][1]
    p = plan(tmp_path, config=config)
    assert [v.name for v in p.variants] == ["full", "short"] and p.ensembles == ()  # "only audio" is the full model


@pytest.mark.parametrize("change, message", [
    (("train.epochs", "train.epoch"), "unknown key epoch"), (('"train.epochs"', '"data.epochs"'), "not context.KEY"),
    (('reference = "full"', 'reference = "whole"'), "'whole' is not the name"), (('"cells"', '"cels"'), "views must be"),
    (('name = "short"', 'name = "full"'), "one name"), (("each =", "every ="), "unknown key every"), (("= 1,", '= "one",'), "must be a int"),
])
def test_a_wrong_plan_is_refused_by_name(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        plan(tmp_path, PLAN.replace(*change))


@pytest.mark.parametrize("name", ORDER)
def test_shipped_plans_fit_a_configuration(name):
    p = read_plan(locate(name)[0], CONFIG, "toy.toml")
    assert p.reference in p.titles() and p.about


def test_unknown_experiments_are_named():
    assert [p.stem for p in locate("all")] == list(ORDER) and {p.stem for p in PLANS.glob("*.toml")} == set(ORDER)
    with pytest.raises(UserError, match="no experiment 'completeness'; known are complete"):
        locate("completeness")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "emostream.dll").write_bytes(b"program")
    return [write_lines(tmp_path / f"{n}.jsonl", [{"n": n}]) for n in ("train", "dev")]


def test_a_run_is_known_by_what_it_depends_on(tmp_path, files, monkeypatch):
    p = plan(tmp_path)
    program = tmp_path / "bin" / "emostream.dll"

    def run(variant=0, seed=1, data=files[0], dev=files[1], test=files[1]):
        for known in (runs.file_digest, runs.program_digest, runs.code_digest):
            known.cache_clear()
        return plan_run(p.variants[variant], seed, data, dev, test, Setting(f"dotnet {program}", "r"), tmp_path / "out")

    first = run()
    assert run() == first
    others = [run(variant=3), run(seed=2), run(data=files[1]), run(dev=files[0])]
    assert len({first.directory, *(r.directory for r in others)}) == 5
    assert run(test=files[0]).directory == first.directory and run(test=files[0]).evaluation != first.evaluation
    program.write_bytes(b"another build")
    assert run().directory == first.directory and run().evaluation != first.evaluation
    monkeypatch.setattr(runs, "code_digest", functools.cache(lambda module: module))
    assert run().directory != first.directory


def test_code_counts_with_all_it_imports_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PACKAGE", tmp_path)
    (tmp_path / "a.py").write_text("from . import b\nfrom .c.d import x\nimport json\n")
    (tmp_path / "b.py").write_text("1")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.py").write_text("from ..e import y\n")
    (tmp_path / "e.py").write_text("2")
    (tmp_path / "other.py").write_text("3")

    def digest():
        code_digest.cache_clear()
        return code_digest("a")

    seen = [digest()]
    for name in ("b.py", "c/d.py", "e.py"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "# changed")
        seen.append(digest())
    (tmp_path / "other.py").write_text("4")
    assert len(set(seen)) == 4 and digest() == seen[-1]
    code_digest.cache_clear()


def test_an_ensemble_is_another_run_when_a_member_is(tmp_path, files):
    p, setting = plan(tmp_path), Setting(str(tmp_path / "bin" / "emostream.dll"), "r")
    members = {s: [plan_run(v, s, *files, files[1], setting, tmp_path) for v in p.variants[1:3]] for s in (1, 2)}
    one, two = (plan_ensemble("late", m, tmp_path) for m in members.values())
    assert one.directory != two.directory and one.members == tuple(m.directory for m in members[1])


def test_the_program_must_be_there():
    with pytest.raises(UserError, match="names no file"):
        program_digest("dotnet nowhere/emostream.dll")


def rows(*conversations):
    return [{"conversationId": c, "utteranceId": f"{c}-{i}", "speaker": c[:2], "label": "calm"} for c in conversations for i in range(2)]


def test_folds_measure_on_a_group_that_nothing_else_saw(tmp_path):
    first, second = write_lines(tmp_path / "a", rows("S1x", "S2x", "S1y")), write_lines(tmp_path / "b", rows("S3x", "S4x"))
    folds = make_folds({"field": "conversationId", "pattern": "S[0-9]"}, "toy", [first, second], tmp_path / "folds")
    assert [f.name for f in folds] == ["S1", "S2", "S3", "S4"]
    groups = [{part: {line.split('"')[3][:2] for line in open(getattr(f, part))} for part in ("train", "dev", "test")} for f in folds]
    assert groups[0] == {"train": {"S3", "S4"}, "dev": {"S2"}, "test": {"S1"}}
    assert groups[3] == {"train": {"S2", "S3"}, "dev": {"S1"}, "test": {"S4"}}
    assert sum(1 for _ in open(folds[0].test)) == 4


def test_folds_by_speaker_keep_conversations_whole(tmp_path):
    lines = rows("Anna", "Ben", "Cleo", "Dora")  # one speaker each: An, Be, Cl, Do
    folds = make_folds({"field": "speaker", "pattern": ".+"}, "toy", [write_lines(tmp_path / "a", lines)], tmp_path / "folds")
    assert [f.name for f in folds] == ["An", "Be", "Cl", "Do"]
    lines[5]["speaker"] = "Be"
    with pytest.raises(UserError, match=r"a:6: conversation 'Cleo' is in two groups of \[folds\]"):
        make_folds({"field": "speaker", "pattern": ".+"}, "toy", [write_lines(tmp_path / "a", lines)], tmp_path / "torn")
    assert not (tmp_path / "torn").exists()


@pytest.mark.parametrize("table, message", [
    ({"field": "conversationId"}, "needs field"), ({"field": "text", "pattern": "."}, "needs field"),
    ({"field": "conversationId", "pattern": "("}, "pattern"), ({"field": "conversationId", "pattern": "S[12]"}, ":7: conversationId has no match"),
    ({"field": "speaker", "pattern": "S"}, "finds 1 groups")])
def test_folds_that_cannot_be_made_are_refused(tmp_path, table, message):
    with pytest.raises(UserError, match=message):
        make_folds(table, "toy", [write_lines(tmp_path / "a", rows("S1x", "S2x", "S1y", "S3x"))], tmp_path / "folds")


def test_folds_of_single_texts(tmp_path):
    """They have an id of their own and no conversation; the file may begin with a byte order mark."""
    path = write_lines(tmp_path / "a", [{"id": str(i), "speaker": f"S{i}", "label": "calm"} for i in range(3)])
    path.write_text("\ufeff" + path.read_text(), "utf-8")
    folds = make_folds({"field": "speaker", "pattern": "S[0-9]"}, "toy", [path], tmp_path / "folds")
    assert [f.name for f in folds] == ["S0", "S1", "S2"]
