"""The one shape of all measured figures: what ``marts.model_performance`` is made of, whatever the protocol."""

from __future__ import annotations

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("prediction_week", pa.int32()),
        ("week_role", pa.string()),
        ("model_name", pa.string()),
        ("protocol", pa.string()),
        ("metric", pa.string()),
        ("metric_value", pa.float64()),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("customers", pa.int64()),
        ("pairs", pa.int64()),
    ]
)
