import hashlib
import json

import numpy as np
import pytest

from bedside_federation.journal import Journal, Superseded

TASK = "ab" * 32
FIRST = {"round": 1, "isCounted": True, "accepted": {"11": 1.5, "12": 2.0}, "dropped": {"13": "norm 9 above 2"}}


def status(folder):
    return json.loads((folder / "status.json").read_text())


def test_a_run_goes_on_from_what_it_wrote(tmp_path):
    model = np.arange(4, dtype=np.float32)
    Journal(tmp_path, TASK, "1").write("waiting", model, [FIRST])
    kept, history = Journal(tmp_path, TASK, "1").read()
    assert np.array_equal(kept, model) and kept.dtype == np.float32 and history == [FIRST]


def test_a_round_that_was_cut_off_is_skipped_and_its_model_is_another_version(tmp_path):
    model = np.arange(4, dtype=np.float32)
    Journal(tmp_path, TASK, "1").write("training", model, [FIRST], 2, 3)
    kept, history = Journal(tmp_path, TASK, "1").read()
    assert [(entry["round"], entry["isCounted"]) for entry in history] == [(1, True), (2, False)]
    assert np.array_equal(kept[1:], model[1:]) and 0 < kept[0] <= np.finfo(np.float32).smallest_subnormal
    # Read twice, skipped once.
    assert len(Journal(tmp_path, TASK, "1").read()[1]) == 2


def test_nothing_and_another_task_are_begun_anew(tmp_path):
    assert Journal(tmp_path, TASK, "1").read() is None
    Journal(tmp_path, TASK, "1").write("waiting", np.zeros(4, np.float32), [FIRST])
    assert Journal(tmp_path, "cd" * 32, "1").read() is None


def test_a_model_that_is_not_the_one_of_its_history_is_not_gone_on_from(tmp_path):
    Journal(tmp_path, TASK, "1").write("waiting", np.zeros(4, np.float32), [FIRST])
    [named] = tmp_path.glob("model-*.npy")
    np.save(named, np.ones(4, np.float32))
    with pytest.raises(ValueError, match="not the one of its history"):
        Journal(tmp_path, TASK, "1").read()


def test_a_crash_between_model_and_history_leaves_the_pair_before(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [FIRST])
    # As far as a write gets before its history: the new model is there under both names.
    file = np.ones(4, np.float32)
    np.save(tmp_path / "model.npy", file)
    np.save(tmp_path / "model-0000000000000000.npy", file)
    kept, _ = Journal(tmp_path, TASK, "1").read()
    assert np.array_equal(kept, np.zeros(4))


def test_the_status_has_counts_and_names_nobody(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("training", np.zeros(4, np.float32), [], 1, 3)
    assert status(tmp_path) == {"state": "training", "round": 1, "nodes": 3, "rounds": [], "model": None}
    journal.write("finished", np.ones(4, np.float32), [FIRST])
    content = (tmp_path / "model.npy").read_bytes()
    assert status(tmp_path)["rounds"] == [{"round": 1, "isCounted": True, "accepted": 2, "dropped": 1}]
    assert status(tmp_path)["model"] == {"sha256": hashlib.sha256(content).hexdigest(), "sizeBytes": len(content)}
    # The model before is not kept: two files, one content.
    assert len(list(tmp_path.glob("model*.npy"))) == 2


def test_a_run_that_was_given_up_writes_no_more_once_another_has_begun(tmp_path):
    first = Journal(tmp_path, TASK, "1")
    first.write("training", np.zeros(4, np.float32), [], 1, 3)
    second = Journal(tmp_path, TASK, "2")
    second.write("waiting", np.ones(4, np.float32), [FIRST])
    with pytest.raises(Superseded):
        first.write("waiting", np.zeros(4, np.float32), [])
    kept, history = Journal(tmp_path, TASK, "3").read()
    assert np.array_equal(kept, np.ones(4)) and history == [FIRST]
