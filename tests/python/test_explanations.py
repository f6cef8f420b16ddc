"""Contributions of families of features: they add up to the score, and every feature has the right family."""

from __future__ import annotations

import lightgbm
import numpy as np
import pyarrow as pa
import pytest
from grocery_recommender import classifier, explanations

NAMES = ["customer_product_visits_8_weeks", "customer_product_overdue_ratio", "known_offer_mailer_share", "als_score"]


@pytest.mark.parametrize(
    ("feature", "family"),
    [
        ("customer_product_visits_52_weeks", "history"),
        ("customer_category_spend_share", "history"),
        ("tifu_score", "history"),
        ("customer_product_days_since_last_purchase", "timing"),
        ("customer_department_median_gap_days", "timing"),
        ("customer_product_repurchase_hazard", "timing"),
        ("known_offer_display_share", "offer"),
        ("product_mailer_lift", "offer"),
        ("customer_product_price_to_own_usual", "offer"),
        ("neighbour_score", "likeness"),
        ("als_rank", "likeness"),
        ("product_baskets_4_weeks", "product"),
        ("category_median_gap_days", "product"),
        ("popularity_rank", "product"),
        ("customer_median_gap_days", "customer"),
        ("customer_price_level", "customer"),
    ],
)
def test_a_feature_belongs_to_the_family_whose_facts_it_is(feature: str, family: str) -> None:
    assert explanations.family_of(feature) == family


@pytest.fixture(scope="module")
def booster() -> lightgbm.Booster:
    random = np.random.default_rng(5)
    features = random.normal(size=(3000, len(NAMES)))
    features[random.random(features.shape) < 0.1] = np.nan
    labels = random.random(3000) < 1 / (1 + np.exp(-np.nan_to_num(features) @ [2, 1, 0, 0]))
    parameters = {"objective": "binary", "verbosity": -1, "seed": 1, "deterministic": True}
    return lightgbm.train(parameters, lightgbm.Dataset(features, labels, feature_name=NAMES), num_boost_round=20)


@pytest.fixture(scope="module")
def rows(booster: lightgbm.Booster) -> np.ndarray:
    """Rows with missing values, and with values that only float64 tells from a threshold."""
    random = np.random.default_rng(6)
    thresholds = booster.trees_to_dataframe()["threshold"].dropna()
    rows = random.choice(thresholds, size=(2000, len(NAMES))).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def test_contributions_are_those_of_lightgbm(booster: lightgbm.Booster, rows: np.ndarray) -> None:
    expected = booster.predict(rows, pred_contrib=True)[:, :-1]
    np.testing.assert_allclose(explanations.tree_shap(booster, rows), expected, atol=1e-5)


def test_contributions_of_a_row_do_not_depend_on_its_batch(booster: lightgbm.Booster, rows: np.ndarray) -> None:
    whole = explanations.tree_shap(booster, rows)
    np.testing.assert_array_equal(explanations.tree_shap(booster, rows[::-7]), whole[::-7])


def test_a_booster_without_a_split_explains_nothing(rows: np.ndarray) -> None:
    constant = lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(rows[:9], np.arange(9) % 2), 1)
    assert not explanations.tree_shap(constant, rows).any()


def test_contributions_add_up_to_the_log_odds(booster: lightgbm.Booster, rows: np.ndarray) -> None:
    contributions = explanations.family_contributions(booster, rows)
    assert contributions.shape == (len(rows), len(explanations.FAMILIES))
    constants = booster.predict(rows, raw_score=True) - contributions.sum(axis=1)
    np.testing.assert_allclose(constants, constants[0], atol=1e-5)


def test_a_family_has_the_sum_of_its_features(booster: lightgbm.Booster, rows: np.ndarray) -> None:
    in_one_family = ["customer_product_visits_8_weeks", "known_offer_mailer_share", "product_mailer_lift", "als_score"]
    renamed = lightgbm.Booster(model_str=booster.model_to_string().replace(" ".join(NAMES), " ".join(in_one_family)))
    history, offer, likeness = (explanations.FAMILIES.index(name) for name in ("history", "offer", "likeness"))
    of_family, of_feature = explanations.family_contributions(renamed, rows), explanations.tree_shap(renamed, rows)
    expected = [of_feature[:, 0], of_feature[:, 1] + of_feature[:, 2], of_feature[:, 3]]
    np.testing.assert_allclose(of_family[:, [history, offer, likeness]], np.column_stack(expected), atol=1e-5)
    assert np.abs(of_feature[:, 1]).max() > 0.1 < np.abs(of_feature[:, 2]).max()


def test_what_decides_contributes_most(booster: lightgbm.Booster) -> None:
    contributions = explanations.family_contributions(booster, np.array([[3.0, 1.0, 0.0, 0.0], [-3.0, 1.0, 0.0, 0.0]]))
    history, timing, offer = (
        contributions[:, explanations.FAMILIES.index(family)] for family in ("history", "timing", "offer")
    )
    assert history[0] > timing[0] > abs(offer[0])
    assert history[1] < 0 < timing[1]


def test_two_processes_explain_what_one_does(
    booster: lightgbm.Booster, rows: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explanations, "ROWS_PER_PROCESS", 500)
    keys = {name: pa.array(["same"] * len(rows)) for name in classifier.KEYS} | {
        "prediction_week": pa.array([9] * len(rows), pa.int32())
    }
    columns = {name: pa.array(column) for name, column in zip(NAMES, rows.T, strict=True)}
    batch = pa.RecordBatch.from_pydict(keys | columns)
    (one,), (two,) = (list(explanations._explained(booster, "", processes, [batch])) for processes in (1, 2))
    assert one.num_rows == len(rows)
    assert two.equals(one)
