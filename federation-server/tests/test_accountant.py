import json
import math
from pathlib import Path

import pytest

from bedside_federation.accountant import gaussian_delta, gaussian_epsilon

#: dp_accounting and mpmath (Balle and Wang 2018); src/privacy is held to the same file.
GOLDENS = json.loads((Path(__file__).parents[2] / "src" / "fixtures" / "goldens" / "privacy.json").read_text())
#: By src/privacy, which a test of the coordinator holds this file to.
SHARED = json.loads((Path(__file__).parent / "gaussian-epsilons.json").read_text())


@pytest.mark.parametrize("row", GOLDENS["gaussian_epsilon"], ids=str)
def test_epsilon_as_in_the_reference(row):
    # The reference has eleven decimals.
    assert gaussian_epsilon(1 / row["sigma"], row["delta"]) == pytest.approx(row["epsilon"], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("row", GOLDENS["gaussian_delta"], ids=str)
def test_delta_as_in_the_reference(row):
    # Fourteen digits, and two numbers subtracted that are nearly equal.
    assert gaussian_delta(row["epsilon"], 1 / row["sigma"]) == pytest.approx(float(row["delta_exact"]), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("row", SHARED, ids=str)
def test_epsilon_of_rounds_as_the_app_computes_it(row):
    assert gaussian_epsilon(math.sqrt(row["rounds"]) / row["noiseMultiplier"], row["delta"]) == pytest.approx(row["epsilon"], rel=1e-9)


def test_what_is_spent_grows_with_every_round_and_is_nothing_before():
    spent = [gaussian_epsilon(math.sqrt(rounds) / 3, 1e-5) for rounds in range(30)]
    assert spent[0] == 0 and spent == sorted(set(spent))
    with pytest.raises(ValueError):
        gaussian_epsilon(1.0, 0.0)
