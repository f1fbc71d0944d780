"""Data files and descriptions: what is read, and that errors name file and line."""
import numpy as np
import pytest

from conftest import write_lines
from emostream_training.dataset import UNLABELLED, Description, read_dialogues, read_utterances
from emostream_training.errors import DataError, UserError

GOOD = {"conversationId": "a", "utteranceId": "1", "speaker": "x", "label": "calm", "features": {"text": [1, 2]}}
OTHER = {**GOOD, "utteranceId": "2"}


def test_rows_group_by_conversation_in_order(tmp_path, describe):
    rows = [GOOD, {**GOOD, "conversationId": "b", "utteranceId": "2", "label": "glad"},
            {**GOOD, "utteranceId": "3", "speaker": "y", "features": None}, {**GOOD, "utteranceId": "4"}]
    first, second = read_dialogues(write_lines(tmp_path / "d.jsonl", rows), describe(("text", 2), ("audio", 1)))
    assert first.utterances == ["1", "3", "4"] and second.utterances == ["2"]
    assert first.speaker.tolist() == [0, 1, 0]
    assert first.available.tolist() == [[True, False], [False, False], [True, False]]
    assert first.features["text"].tolist() == [[1, 2], [0, 0], [1, 2]] and first.features["audio"].shape == (3, 1)
    assert second.label.tolist() == [1]


@pytest.mark.parametrize("bad, message", [
    ("{not json", "not JSON"), ("[]", "expected a JSON object"), ({**OTHER, "label": "odd"}, "label 'odd'"),
    ({**OTHER, "features": {"text": [1, 2, 3]}}, "has 3 numbers"), ({**OTHER, "features": {"text": ["x", 1]}}, "list of numbers"),
    ('{"conversationId":"a","utteranceId":"2","label":"calm","features":{"text":[NaN,1]}}', "not finite"),
    ({**OTHER, "conversationId": ""}, "conversationId"), ({**OTHER, "tokens": []}, "tokens"), ({**OTHER, "speaker": 3}, "speaker"),
    (GOOD, "the same utterance of the same conversation as line 1"),
    ({**OTHER, "label": " "}, "a label must not be empty"), ({**OTHER, "label": " calm"}, "blanks around it"), ({**OTHER, "featureSpaces": {"text": "text/other@1"}}, "features.text are of text/other@1"),
    *(({**OTHER, "kind": k}, f"is a '{k}': expected the final text") for k in ("revision", "retraction", "end")),
    ({**OTHER, "kind": 1}, "kind must be a string"), ({**OTHER, "utteranceId": "\ud800"}, "utteranceId holds half a surrogate pair"),
    *(({**OTHER, "label": x}, "control characters") for x in ("gl\nad", "a\x1b[31m", "a\x85b")),
    pytest.param("[" * 100_000, "nested too deeply", id="nested"), pytest.param('{"index":' + "9" * 5000 + "}", "thousands of digits", id="digits"),
    ({**OTHER, "features": {"text": [1, 10**400]}}, "does not fit float16"),
])
def test_bad_line_names_file_and_line(tmp_path, describe, bad, message):
    path = write_lines(tmp_path / "d.jsonl", [GOOD, "", bad])
    with pytest.raises(DataError) as e:
        read_dialogues(path, describe(("text", 2)))
    assert str(e.value).startswith(f"{path}:3: ") and message in str(e.value)


def test_bytes_that_are_no_utf8_are_refused_and_a_byte_order_mark_is_not(tmp_path):
    path = write_lines(tmp_path / "d.jsonl", [{**GOOD, "text": "é"}, OTHER])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [u.utterance for u in read_utterances(path)] == ["1", "2"]
    path.write_bytes(path.read_bytes() + b'{"conversationId":"a","text":"\xff\xfe\x80"}\n')
    with pytest.raises(DataError, match="d.jsonl:3: not valid UTF-8"):
        list(read_utterances(path))


def test_file_without_the_described_features_is_refused(tmp_path, describe):
    with pytest.raises(UserError, match="emostream features"):
        read_dialogues(write_lines(tmp_path / "d.jsonl", [{**GOOD, "features": {"face": [1]}}]), describe(("text", 2)))


def test_ids_are_unique_within_their_conversation_only(tmp_path):
    rows = [{**GOOD, "kind": "utterance"}, {**GOOD, "conversationId": "b"}, {"text": "no id"}, {"text": "no id"}]
    assert len(list(read_utterances(write_lines(tmp_path / "d.jsonl", rows)))) == 4


def test_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        list(read_utterances(tmp_path / "none.jsonl"))


def test_description_takes_any_set_of_modalities():
    raw = {"name": "n", "labels": ["a", "b"], "modalities": [{"name": "audio", "feature_space": "audio/x@2", "dimension": 15},
                                                             {"name": "face", "feature_space": "face/y@1", "dimension": 35}]}
    d = Description.parse(raw, "here")
    assert [(m.name, m.feature_space, m.dimension) for m in d.modalities] == [("audio", "audio/x@2", 15), ("face", "face/y@1", 35)]
    for wrong in ({"labels": ["a"]}, {"labels": ["a", "a"]}, {"name": 3}, {"modalities": raw["modalities"][:1] * 2},
                  {"modalities": [{"name": "smell", "feature_space": "s@1", "dimension": 1}]},
                  {"modalities": [{"name": "text", "feature_space": "s@1", "dimension": 0}]}, {"modalities": 3}, {"modalities": [3]},
                  *({"modalities": [{**raw["modalities"][0], "feature_space": space}]} for space in ("bad space@1", "nospace")),
                  {"modalities": [{**m, "feature_space": "same@1"} for m in raw["modalities"]]},
                  {"labels": [["a"], ["b"]]}, {"labels": ["a", "b\nc"]}, {"labels": ["a", " b"]}, {"labels": 3},
                  {"license": 3}, {"url": 3}, {"map": 3}, {"map": {"x": ["a"]}}):
        with pytest.raises(UserError, match="here"):
            Description.parse({**raw, **wrong}, "here")


def test_rows_without_label_stay_as_context(tmp_path, describe):
    bare = {k: v for k, v in GOOD.items() if k != "label"}
    rows = [bare, {**GOOD, "utteranceId": "2", "speaker": "y", "label": "cross"}, {**GOOD, "utteranceId": "3", "label": None},
            {**bare, "conversationId": "b"}]
    (only,) = read_dialogues(write_lines(tmp_path / "d.jsonl", rows), describe(("text", 2)))  # b teaches nothing
    assert only.utterances == ["1", "2", "3"] and only.label.tolist() == [UNLABELLED, 2, UNLABELLED]
    assert only.speaker.tolist() == [0, 1, 0] and only.available.all() and only.features["text"][0].tolist() == [1, 2]
    with pytest.raises(UserError, match="no utterance with a label"):
        read_dialogues(write_lines(tmp_path / "n.jsonl", [bare]), describe(("text", 2)))
    both = Description("n", ("calm", "glad"), describe(("text", 2)).modalities, "", "", {"a": "calm", "b": "glad"})
    rows = [{**bare, "utteranceId": str(i), "labels": x} for i, x in enumerate((["a", "b"], ["b"]))]
    assert read_dialogues(write_lines(tmp_path / "m.jsonl", rows), both)[0].label.tolist() == [UNLABELLED, 1]


def test_labels_are_translated_and_ambiguous_texts_left_out(tmp_path):
    raw = {"name": "n", "labels": ["calm", "glad"], "modalities": [{"name": "text", "feature_space": "text/x@1", "dimension": 1}],
           "map": {"amused": "glad", "proud": "glad", "neutral": "calm"}}
    d = Description.parse(raw, "here")
    line = lambda i, *labels: {"id": str(i), "labels": list(labels), "features": {"text": [i]}}
    path = write_lines(tmp_path / "d.jsonl", [line(0, "amused", "proud"), line(1, "amused", "neutral"), line(2, "neutral")])
    found = read_dialogues(path, d)
    assert [(x.conversation, x.label.tolist()) for x in found] == [("0", [1]), ("2", [0])]  # every text stands alone
    assert Description.parse(d.to_json(), "again") == d
    with pytest.raises(DataError, match="label 'glad' is not one of amused"):
        read_dialogues(write_lines(tmp_path / "w.jsonl", [line(3, "glad")]), d)
    with pytest.raises(UserError, match="map leads to 'sad'"):
        Description.parse({**raw, "map": {"x": "sad"}}, "here")


def test_vectors_are_what_serving_sees(tmp_path, describe):
    """float16: 0.1 is its nearest, the smallest are rounded away."""
    (d,) = read_dialogues(write_lines(tmp_path / "d.jsonl", [{**GOOD, "features": {"text": [0.1, 1e-9]}}]), describe(("text", 2)))
    assert d.features["text"].dtype == np.float32 and d.features["text"].tolist() == [[float(np.float16(0.1)), 0.0]]
    with pytest.raises(DataError, match="does not fit float16"):
        read_dialogues(write_lines(tmp_path / "w.jsonl", [{**GOOD, "features": {"text": [1, -70000]}}]), describe(("text", 2)))
