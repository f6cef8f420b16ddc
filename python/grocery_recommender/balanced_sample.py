"""The balanced-sample protocol: as many pairs that were bought as were not, and customers that nobody learnt from.

The classifiers learn from the sample of the validation week's customers, seven in ten, and are measured on the others
in the test week: neither the customers nor the week were seen. About half of the pairs are purchases, so these figures
say nothing about a real week; they are here because they are what classifiers of this kind are often reported with.

References
----------
Lipton, Elkan, Naryanaswamy: Optimal Thresholding of Classifiers to Maximize F1 Measure (2014).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from grocery_recommender import classifier, runs
from grocery_recommender.network import signed_logarithms
from grocery_recommender.performance import SCHEMA
from grocery_recommender.prediction_weeks import PredictionWeek

# Tells whether the pair was bought in the window: the rule that needs no learning.
BOUGHT_BEFORE = "customer_product_visits_52_weeks"
BOOSTING_ROUNDS = 200
# F1 is highest where a purchase is predicted from half of that F1 on: about .385 here, as each classifier reaches .77.
# A purchase counts .615 / .385 = 1.6 times for all of them, which moves that threshold to the .5 of the protocol.
CLASS_WEIGHTS = {False: 1, True: 1.6}
SEEDS = range(20060410, 20060413)


def performance(connection: Any, weeks: list[PredictionWeek], features_sql: str, runs_sql: str) -> pa.Table:
    """F1, precision, recall and AUC of the classifiers and of the rule "bought in the window", at probability .5.

    Parameters
    ----------
    connection
        Where the queries can be run.
    weeks
        The prediction weeks, in order of time; the last one is the target week.
    features_sql, runs_sql
        Queries for ``balanced_features`` and ``classifier_runs``; the features are those that score the test week.

    Returns
    -------
    pyarrow.Table
        In ``SCHEMA``, without bounds; empty where the customers on either side bought nothing.
    """
    (test_week,) = (week for week in weeks if week.week_role == "test")
    week_of = {week.week_role: week.prediction_week for week in weeks}
    binary = runs.load_scorer(connection, runs_sql, test_week).binary
    names = sorted({*binary.feature_name(), BOUGHT_BEFORE})
    columns = ", ".join((*classifier.KEYS, "was_bought", "is_held_out_customer", *names))
    rows = connection.sql(f"select {columns} from ({features_sql})").to_arrow_table()
    rows = rows.sort_by([(name, "ascending") for name in classifier.KEYS])
    held_out = rows["is_held_out_customer"]
    is_week = {role: pyarrow.compute.equal(rows["prediction_week"], week) for role, week in week_of.items()}
    learnt_from = rows.filter(pyarrow.compute.and_(is_week["validation"], pyarrow.compute.invert(held_out)))
    measured = rows.filter(pyarrow.compute.and_(is_week["test"], held_out))
    (train, train_labels), (test, labels) = (
        (
            np.column_stack([part[name].to_numpy() for name in names]),
            part["was_bought"].to_numpy(zero_copy_only=False),
        )
        for part in (learnt_from, measured)
    )
    if len({*train_labels}) < 2 or len({*labels}) < 2:
        return SCHEMA.empty_table()
    scores = {"bought_in_window": (~np.isnan(test[:, names.index(BOUGHT_BEFORE)])).astype(float)}
    with threadpool_limits(1, "blas"):  # so that sums do not depend on the machine's cores
        for model, estimator in _estimators().items():
            scores[model] = estimator.fit(train, train_labels).predict_proba(test)[:, 1]
    out = []
    for model, probabilities in scores.items():
        predicted = probabilities >= 0.5
        figures = {
            "f1": f1_score(labels, predicted),
            "precision": precision_score(labels, predicted, zero_division=0),
            "recall": recall_score(labels, predicted),
            "auc": roc_auc_score(labels, probabilities),
        }
        out += [
            {
                "prediction_week": week_of["test"],
                "week_role": "test",
                "model_name": model,
                "protocol": "balanced_sample",
                "metric": metric,
                "metric_value": round(float(value), 12),
                "customers": pyarrow.compute.count_distinct(measured["customer_id"]).as_py(),
                "pairs": len(labels),
            }
            for metric, value in figures.items()
        ]
    return pa.Table.from_pylist(out, schema=SCHEMA)


def _estimators() -> dict[str, Any]:
    """Classifiers with the interface of scikit-learn that take NaN as missing."""
    # A sample this small wants smaller trees than weeks of examples do, and random splits: mean F1 on weeks 46 to 48
    # of The Complete Journey .756 with them, .752 with 31 leaves and 400 rounds. Three seeds together gain .002 more
    # (.7632 for .7616, four pairs of weeks from 45 to 48), and are fitted in seconds.
    config = replace(classifier.BINARY, num_leaves=15, min_data_in_leaf=100)
    parameters = config.lightgbm_parameters() | {"extra_trees": True}
    booster = partial(LGBMClassifier, n_estimators=BOOSTING_ROUNDS, class_weight=CLASS_WEIGHTS, **parameters)
    log_scale = FunctionTransformer(signed_logarithms)
    return {
        "lightgbm_binary": VotingClassifier([(f"seed {seed}", booster(seed=seed)) for seed in SEEDS], voting="soft"),
        "logistic_regression": make_pipeline(
            log_scale,
            SimpleImputer(add_indicator=True, keep_empty_features=True),
            StandardScaler(),
            LogisticRegression(solver="newton-cholesky", class_weight=CLASS_WEIGHTS),
        ),
        "random_forest": make_pipeline(
            SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True),
            RandomForestClassifier(
                n_estimators=100, min_samples_leaf=5, class_weight=CLASS_WEIGHTS, n_jobs=-1, random_state=SEEDS[0]
            ),
        ),
    }
