import hashlib
import json
import time

import numpy as np
import pytest

from bedside_federation.central_noise import CentralNoise
from bedside_federation.journal import Journal, Superseded, another_version

TASK = "ab" * 32
FIRST = {"round": 1, "isCounted": True, "isKept": True, "accepted": {"11": 1.5, "12": 2.0}, "dropped": {"13": "norm 9 above 2"}, "seconds": 2.0, "deviceSeconds": 3.5, "accuracy": None}


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
    assert kept.dtype == np.float32 and (kept > model).all() and (kept <= np.nextafter(np.nextafter(model, np.float32(9)), np.float32(9))).all()
    # Read twice, skipped once.
    assert len(Journal(tmp_path, TASK, "1").read()[1]) == 2


def test_nothing_is_answerable_between_rounds_and_nothing_old_in_one(tmp_path):
    answerable = tmp_path / "answerable.txt"
    model = np.zeros(4, np.float32)
    answerable.write_text("1.5")
    journal = Journal(tmp_path, TASK, "1")
    assert answerable.read_text() == ""
    before = time.time()
    journal.write("training", model, [], 1, 3)
    assert before <= float(answerable.read_text()) <= time.time()
    # By the time a model is let out no answer is taken: what the next round sends follows from it.
    let_out = journal.releases.add
    seen = []

    def add(*of_release):
        seen.append(answerable.read_text())
        let_out(*of_release)

    journal.releases.add = add
    journal.write("waiting", np.ones(4, np.float32), [FIRST])
    assert seen == [""] and answerable.read_text() == ""


def test_another_version_of_a_model_cannot_be_foretold_and_never_comes_again():
    model = np.arange(200, dtype=np.float32)
    versions = [another_version(model) for _ in range(20)]
    # Two of 2^64 that are the same: once in 10^17 runs.
    assert len({version.tobytes() for version in versions}) == 20
    assert all(np.array_equal(version[64:], model[64:]) for version in versions)
    again = another_version(versions[0])
    assert (again[:64] > versions[0][:64]).all() and np.allclose(again, model, rtol=1e-6, atol=1e-40)


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


def test_a_history_whose_model_is_gone_is_not_begun_anew(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [FIRST])
    [named] = tmp_path.glob("model-*.npy")
    named.unlink()
    with pytest.raises(ValueError, match="or none"):
        Journal(tmp_path, TASK, "1").read()


def test_a_crash_between_model_and_history_leaves_the_pair_before(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [FIRST])
    # As far as a write gets before its history.
    np.save(tmp_path / "model-0000000000000000.npy", np.ones(4, np.float32))
    kept, _ = Journal(tmp_path, TASK, "1").read()
    assert np.array_equal(kept, np.zeros(4))


def test_the_status_has_counts_and_names_nobody(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.initial_accuracy = {"correct": 3, "total": 4}
    journal.write("training", np.zeros(4, np.float32), [], 1, 3)
    assert status(tmp_path) == {"state": "training", "round": 1, "nodes": 3, "rounds": [], "initialAccuracy": {"correct": 3, "total": 4}, "centralEpsilon": None}
    journal.write("finished", np.ones(4, np.float32), [FIRST | {"accuracy": {"correct": 4, "total": 4}}])
    assert status(tmp_path)["rounds"] == [
        {"round": 1, "isCounted": True, "isKept": True, "accepted": 2, "dropped": 1, "seconds": 2.0, "deviceSeconds": 3.5, "accuracy": {"correct": 4, "total": 4}}
    ]
    # The working model before is not kept.
    assert len(list(tmp_path.glob("model-*.npy"))) == 1


def releases(folder):
    return json.loads((folder / "releases.json").read_text())["releases"]


def test_the_first_model_and_each_that_is_kept_are_released(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [])
    journal.write("training", np.zeros(4, np.float32), [], 1, 3)
    rolled_back = FIRST | {"round": 2, "isKept": False}
    journal.write("waiting", np.ones(4, np.float32), [FIRST])
    journal.write("waiting", another_version(np.ones(4, np.float32)), [FIRST, rolled_back])
    journal.write("waiting", np.full(4, 2, np.float32), [FIRST, rolled_back, FIRST | {"round": 3}])
    assert [(entry["version"], entry["round"]) for entry in releases(tmp_path)] == [(0, 0), (1, 1), (2, 3)]
    assert [model[0] for model in journal.releases.models()] == [0, 1, 2]
    newest = (tmp_path / "model.npy").read_bytes()
    assert newest == (tmp_path / "release-2.npy").read_bytes()
    assert releases(tmp_path)[2] == {"version": 2, "round": 3, "sha256": hashlib.sha256(newest).hexdigest(), "sizeBytes": len(newest), "signature": ""}


def test_a_release_that_a_crash_kept_back_is_made_when_the_run_goes_on(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [])
    journal.releases.add = lambda *_: (_ for _ in ()).throw(OSError("the disk is full"))
    with pytest.raises(OSError):
        journal.write("waiting", np.ones(4, np.float32), [FIRST])
    assert len(releases(tmp_path)) == 1
    again = Journal(tmp_path, TASK, "1")
    model, history = again.read()
    again.write("waiting", model, history)
    assert [entry["round"] for entry in releases(tmp_path)] == [0, 1]
    assert np.array_equal(again.releases.models()[1], np.ones(4))


def test_a_round_that_was_cut_off_releases_nothing(tmp_path):
    journal = Journal(tmp_path, TASK, "1")
    journal.write("waiting", np.zeros(4, np.float32), [])
    journal.write("training", np.zeros(4, np.float32), [], 1, 3)
    again = Journal(tmp_path, TASK, "1")
    again.write("waiting", *again.read())
    assert len(releases(tmp_path)) == 1


def test_central_noise_is_charged_before_anything_is_released(tmp_path):
    central = CentralNoise(2.0, 3, 1.0, 1e-5)
    journal = Journal(tmp_path, TASK, "1", central=central)
    journal.write("waiting", np.zeros(4, np.float32), [])
    assert json.loads((tmp_path / "history.json").read_text())["central"] == {"noiseMultiplier": 2.0, "delta": 1e-5, "rounds": 0, "epsilon": 0.0}
    journal.releases.add = lambda *_: (_ for _ in ()).throw(OSError("the disk is full"))
    skipped = FIRST | {"round": 2, "isCounted": False, "isKept": False}
    with pytest.raises(OSError):
        journal.write("waiting", np.ones(4, np.float32), [FIRST, skipped, FIRST | {"round": 3, "isKept": False}])
    # Rolled back too: its score was shown. Skipped not: nothing was added up.
    assert json.loads((tmp_path / "history.json").read_text())["central"]["rounds"] == 2
    again = Journal(tmp_path, TASK, "1", central=central)
    again.write("waiting", *again.read())
    assert status(tmp_path)["centralEpsilon"] == central.epsilon(2)


def test_a_run_that_was_given_up_writes_no_more_once_another_has_begun(tmp_path):
    first = Journal(tmp_path, TASK, "1")
    first.write("training", np.zeros(4, np.float32), [], 1, 3)
    second = Journal(tmp_path, TASK, "2")
    second.write("waiting", np.ones(4, np.float32), [FIRST])
    with pytest.raises(Superseded):
        first.write("waiting", np.zeros(4, np.float32), [])
    kept, history = Journal(tmp_path, TASK, "3").read()
    assert np.array_equal(kept, np.ones(4)) and history == [FIRST]
