"""Seeds are edited by hand: a doubled row must fail at the seed, before a join doubles lines."""

from __future__ import annotations

import pytest
import yaml
from conftest import PROJECT

SEEDS = yaml.safe_load((PROJECT / "seeds/_seeds.yml").read_text())["seeds"]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed["name"])
def test_every_seed_is_held_to_its_key(seed: dict) -> None:
    assert "unique_key" in {name for test in seed.get("data_tests", []) for name in test}
