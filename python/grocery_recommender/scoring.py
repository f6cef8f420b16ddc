"""Scores of all candidates of the weeks that are scored in full, streamed from features to table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import lightgbm
import pyarrow as pa

from grocery_recommender import classifier, runs
from grocery_recommender.prediction_weeks import PredictionWeek
from grocery_recommender.streaming import Passage, map_in_arrow

PURPOSES = {"validation": "evaluation", "test": "evaluation", "score": "production"}
# Features that the baselines and the reasons are made of: they pass by here once, so nobody joins them again.
FACTS = (
    "tifu_score",
    "neighbour_score",
    "als_score",
    "product_baskets_4_weeks",
    "customer_product_visits_52_weeks",
    "customer_product_visits_decayed_16_weeks",
    "customer_product_median_gap_days",
    "customer_product_days_since_last_purchase",
    "known_offer_mailer_share",
    "known_offer_display_share",
    "known_offer_price_drop_share",
)
PASSED_THROUGH = (*classifier.KEYS, "candidate_source", *FACTS)
SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("candidate_source", pa.string()),
        *((name, pa.float32()) for name in FACTS),
        ("purchase_probability", pa.float64()),
        ("ranking_score", pa.float64()),
        ("model_run_id", pa.string()),
    ]
)


def score_weeks(session: Any, weeks: list[PredictionWeek], features_sql: str, runs_sql: str) -> Any:
    """Score the validation and test weeks with the evaluation run, the target week with the production run.

    Parameters
    ----------
    session
        The connection of the dbt Python model.
    weeks
        The prediction weeks, in order of time; the last one is the target week.
    features_sql, runs_sql
        Queries for ``candidate_features`` and ``classifier_runs``.

    Returns
    -------
    pyarrow.RecordBatchReader or pyspark.sql.DataFrame
        In ``SCHEMA``, one row per candidate; a batch of rows is in memory at a time.
    """
    connection = session.cursor()
    passages = []
    for week in weeks:
        if week.week_role not in PURPOSES:
            continue
        purpose = PURPOSES[week.week_role]
        run_id, binary, ranker = runs.load_boosters(connection, runs_sql, weeks[-1].prediction_week, purpose)
        columns = ", ".join(dict.fromkeys((*PASSED_THROUGH, *binary.feature_name())))
        passages.append(
            Passage(
                f"scores, week {week.prediction_week}",
                f"select {columns} from ({features_sql}) where prediction_week = {week.prediction_week}",
                partial(_scored, run_id, binary, ranker),
            )
        )
    return map_in_arrow(connection, passages, SCHEMA)


def _scored(
    run_id: str, binary: lightgbm.Booster, ranker: lightgbm.Booster, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for scored in classifier.score_batches(batches, binary, ranker, PASSED_THROUGH):
        yield scored.append_column("model_run_id", pa.repeat(run_id, scored.num_rows)).cast(SCHEMA)
