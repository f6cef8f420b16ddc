"""Contributions of families of features: they add up to the score, and every feature has the right family."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from grocery_recommender import explanations

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
    labels = random.random(3000) < 1 / (1 + np.exp(-2 * features[:, 0] - features[:, 1]))
    parameters = {"objective": "binary", "verbosity": -1, "seed": 1, "deterministic": True}
    return lightgbm.train(parameters, lightgbm.Dataset(features, labels, feature_name=NAMES), num_boost_round=20)


def test_contributions_add_up_to_the_log_odds(booster: lightgbm.Booster) -> None:
    rows = np.random.default_rng(6).normal(size=(50, len(NAMES)))
    contributions = explanations.family_contributions(booster, rows)
    assert contributions.shape == (50, len(explanations.FAMILIES))
    constants = booster.predict(rows, raw_score=True) - contributions.sum(axis=1)
    assert constants == pytest.approx(np.full(50, constants[0]))


def test_what_decides_contributes_most(booster: lightgbm.Booster) -> None:
    contributions = explanations.family_contributions(booster, np.array([[3.0, 1.0, 0.0, 0.0], [-3.0, 1.0, 0.0, 0.0]]))
    history, timing, offer = (
        contributions[:, explanations.FAMILIES.index(family)] for family in ("history", "timing", "offer")
    )
    assert history[0] > timing[0] > abs(offer[0])
    assert history[1] < 0 < timing[1]
