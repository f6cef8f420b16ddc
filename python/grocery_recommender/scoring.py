"""Scores of all candidates of the weeks that are scored in full, streamed from features to table.

The binary booster, blended with a small neural network, gives the purchase probability; LambdaRank, helped by the log
odds of that probability, gives the order of a customer's list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import lightgbm
import pyarrow as pa
from scipy.special import expit

from grocery_recommender import classifier, runs
from grocery_recommender.network import Network
from grocery_recommender.prediction_weeks import PredictionWeek, stored_weeks
from grocery_recommender.runs import Scorer
from grocery_recommender.streaming import Passage, map_in_arrow, unchanged

# Pairs less likely than this come after all others, in the order of their probability: they seldom reach the head of a
# list, most pairs are such, and it saves most of the ranker's time. Among new products, nearly all of which are such,
# LambdaRank orders no better.
RANKING_FLOOR = 0.016
# Share of the network in the log odds.
NETWORK_WEIGHT = 0.4
BELOW_ALL_RANKING_SCORES = -1000.0
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
        ("build_fingerprint", pa.string()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("candidate_source", pa.string()),
        *((name, pa.float32()) for name in FACTS),
        ("purchase_probability", pa.float64()),
        ("ranking_score", pa.float64()),
        ("model_run_id", pa.string()),
    ]
)


def score_weeks(dbt: Any, session: Any, weeks: list[PredictionWeek], features_sql: str, runs_sql: str) -> Any:
    """Score the validation, test and target weeks, each with the runs that were fitted on the weeks before it.

    A week whose features and boosters are those of its stored scores is not scored again.

    Parameters
    ----------
    dbt, session
        The two arguments of the dbt Python model.
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
    stored = stored_weeks(connection, dbt.this, SCHEMA)
    passages = []
    for week in weeks:
        if week.fitted_for_week is None:
            continue
        scorer = runs.load_scorer(connection, runs_sql, week)
        fingerprint = scorer.fingerprint(week)
        if (week.prediction_week, fingerprint) in stored:
            label, source, columns, function = "kept scores", dbt.this, SCHEMA.names, unchanged
        else:
            label, source, function = "scores", f"({features_sql})", partial(_scored, scorer, fingerprint)
            columns = dict.fromkeys((*PASSED_THROUGH, *scorer.binary.feature_name()))
        query = f"select {', '.join(columns)} from {source} where prediction_week = {week.prediction_week}"
        passages.append(Passage(f"{label}, week {week.prediction_week}", query, function))
    return map_in_arrow(connection, passages, SCHEMA)


def _scored(scorer: Scorer, fingerprint: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for scored in score_batches(batches, scorer.binary, scorer.ranker, scorer.network, PASSED_THROUGH):
        for name, value in (("model_run_id", scorer.run_ids["binary"]), ("build_fingerprint", fingerprint)):
            scored = scored.append_column(name, pa.repeat(value, scored.num_rows))
        yield scored.select(SCHEMA.names).cast(SCHEMA)


def score_batches(
    batches: pa.RecordBatchReader,
    binary: lightgbm.Booster,
    ranker: lightgbm.Booster,
    network: Network,
    passed_through: tuple[str, ...] = classifier.KEYS,
) -> Iterator[pa.RecordBatch]:
    """Score candidates as they stream by.

    Parameters
    ----------
    batches
        The features that the boosters name, and the columns of ``passed_through``.
    binary, ranker
        The two boosters; both must have been fitted on the same features.
    network
        A network of the same features, whose log odds have the share ``NETWORK_WEIGHT`` in those of the probability.
    passed_through
        Columns to hand on as they are.

    Yields
    ------
    pyarrow.RecordBatch
        ``passed_through``, ``purchase_probability`` (in [0, 1]) and ``ranking_score``, both float64. The ranking
        score is LambdaRank's plus the log odds of the probability; of pairs below ``RANKING_FLOOR`` it is the
        probability plus ``BELOW_ALL_RANKING_SCORES``.
    """
    names = binary.feature_name()
    for batch in batches:
        matrix = classifier.feature_matrix(batch, names)
        columns = [batch.column(name) for name in passed_through]
        log_odds = binary.predict(matrix, raw_score=True)
        log_odds += NETWORK_WEIGHT * (network.log_odds(matrix) - log_odds)
        probabilities = expit(log_odds)
        likely = probabilities >= RANKING_FLOOR
        ranking_scores = probabilities + BELOW_ALL_RANKING_SCORES
        if likely.any():
            ranking_scores[likely] = ranker.predict(matrix[likely]) + log_odds[likely]
        yield pa.RecordBatch.from_arrays(
            [*columns, pa.array(probabilities), pa.array(ranking_scores)],
            names=[*passed_through, "purchase_probability", "ranking_score"],
        )
