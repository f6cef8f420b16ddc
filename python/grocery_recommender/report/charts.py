"""Charts of a publication, as SVG that needs no script and no network."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from grocery_recommender.ranking import BASELINES

# Seen on light and on dark paper alike; the page colours text and intervals by its paper.
INK, ACCENT, QUIET = "#7a7f87", "#2f7d6b", "#838d96"
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "Georgia, serif",
    "view": {"stroke": None},
    "axis": {"labelColor": INK, "titleColor": INK, "gridColor": "#8884", "domainColor": INK, "tickColor": INK},
    "legend": {"labelColor": INK, "titleColor": INK},
}


def svg(chart: alt.Chart | alt.LayerChart) -> str:
    """Render a chart; text in it is escaped by the renderer."""
    specification = json.loads(chart.to_json()) | {"config": CONFIG}
    return vl_convert.vegalite_to_svg(json.dumps(specification))


def ranking(performance: pd.DataFrame) -> str:
    """NDCG@10 of every model with its interval, best first; the baselines are grey."""
    is_baseline = alt.FieldOneOfPredicate(field="model_name", oneOf=list(BASELINES))
    colour = alt.condition(is_baseline, alt.value(QUIET), alt.value(ACCENT))
    order = performance.sort_values("metric_value", ascending=False)["model_name"].tolist()
    base = alt.Chart(performance).encode(y=alt.Y("model_name:N", sort=order, title=None))
    bars = base.mark_bar(height=16).encode(x=alt.X("metric_value:Q", title="NDCG@10"), color=colour)
    spread = base.mark_rule(color=INK, strokeWidth=2).encode(x="lower_bound:Q", x2="upper_bound:Q")
    return svg((bars + spread).properties(width=520))


def calibration(bins: pd.DataFrame) -> str:
    """Observed purchase rate against mean predicted probability; the diagonal is truth."""
    top = float(max(bins["mean_probability"].max(), bins["purchase_rate"].max(), 0.01))
    diagonal = alt.Chart(pd.DataFrame({"x": [0, top], "y": [0, top]})).mark_line(color=QUIET, strokeDash=[4, 4])
    points = alt.Chart(bins).mark_line(point={"color": ACCENT, "size": 50}, color=ACCENT)
    layered = diagonal.encode(x="x:Q", y="y:Q") + points.encode(
        x=alt.X("mean_probability:Q", title="predicted probability"),
        y=alt.Y("purchase_rate:Q", title="share bought"),
    )
    return svg(layered.properties(width=380, height=300))


def importance(features: pd.DataFrame) -> str:
    """The features with the largest mean contribution."""
    bars = alt.Chart(features).mark_bar(color=ACCENT, height=12)
    return svg(
        bars.encode(
            x=alt.X("mean_abs_shap:Q", title="mean |SHAP|"),
            y=alt.Y("feature:N", sort="-x", title=None, axis=alt.Axis(labelLimit=320)),
        ).properties(width=380)
    )


def hits_by_rank(outcomes: pd.DataFrame) -> str:
    """Share bought at each place of the list."""
    line = alt.Chart(outcomes).mark_line(color=ACCENT, point={"color": ACCENT})
    return svg(
        line.encode(
            x=alt.X("rank:Q", title="place in the list"), y=alt.Y("hit_rate:Q", title="share bought")
        ).properties(width=520, height=240)
    )
