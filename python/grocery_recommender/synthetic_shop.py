"""A made-up shop in the file format of dunnhumby's "Let's Get Sort-of-Real" (LGSR).

LGSR may not be redistributed, so tests and benchmarks run on a shop that looks like its published counts, has any
number of customers, and whose truth is known. One ``transactions_YYYYWW.csv`` is written per fiscal week, and a
``time.csv``::

    python -m grocery_recommender.synthetic_shop FOLDER --customers 5000 --weeks 117

What is modelled
    Every customer has a home store, a visit rhythm, a taste segment and a repertoire of products. Each product of the
    repertoire comes due by a gamma renewal process around its true cycle and is bought on the first visit after it
    is due; now and then it is forgotten for some months. Further lines of a visit are impulse purchases, drawn from
    what the segment likes, what is in season and what is on offer. Customers join and leave. People without a loyalty
    card buy too. Product popularity is heavy-tailed; prices drop for one to three weeks at a time.
What is not
    Substitution between products, stock-outs, regional assortments, opening hours of a store, growth, inflation,
    returns, and a link between a customer's price sensitivity and the prices paid.

The same arguments give the same bytes. A week does not depend on how many weeks are asked for, nor (but for basket
ids and basket labels) do the customers of a full group of `GROUP_SIZE` depend on how many groups there are.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

logger = logging.getLogger(__name__)

GROUP_SIZE = 5_000  # customers simulated together
CALENDAR_ORIGIN = (200607, datetime.date(2006, 4, 10))  # a week id and its Monday
WEEKS_PER_YEAR = 52
NEVER = np.iinfo(np.int32).max  # a day that does not come

SCHEMA_VERSIONS = {"cust": ("CUST_PRICE_SENSITIVITY", "CUST_LIFESTAGE"), "seg": ("seg_1", "seg_2")}
HIERARCHY = (("CL", 250), ("DEP", 90), ("G", 31), ("D", 9))  # code prefix and number of codes, finest first
DEPARTMENT_SHARES = np.array([0.13, 0.40, 0.26, 0.06, 0.07, 0.03, 0.02, 0.02, 0.01])
DEPARTMENT_KINDS = np.array([0, 0, 1, 1, 2, 2, 2, 2, 2])  # fresh, grocery, non-food
STORE_FORMATS = {"LS": 0.64, "MS": 0.22, "XLS": 0.075, "SS": 0.065}
REGIONS = [f"{side}{number:02d}" for side in "ENSW" for number in (1, 2, 3)]
PRICE_SENSITIVITIES = {"MM": 0.457, "UM": 0.275, "LA": 0.265, "XX": 0.003}
LIFESTAGES = {"OT": 0.30, "YF": 0.21, "YA": 0.13, "OA": 0.12, None: 0.12, "PE": 0.07, "OF": 0.05}
WEEKDAY_SHARES = (0.12, 0.11, 0.12, 0.14, 0.18, 0.19, 0.14)  # favourite shopping day, Monday first

VISIT = np.dtype([("customer", "i8"), ("sensitivity", "i1"), ("lifestage", "i1"), ("day", "i4"), ("hour", "i1"),
                  ("store", "i4")])  # fmt: skip
LINE = np.dtype([("visit", "i8"), ("product", "i4"), ("quantity", "i4")])


@dataclass(frozen=True)
class ShopConfig:
    """What decides a shop, apart from the number of weeks.

    Parameters
    ----------
    customers : int
        Loyalty-card holders, including those who join or leave; at least 1.
    products : int
        Size of the assortment; at least 50. With fewer than 250 the upper hierarchy levels shrink to fit.
    seed : int
        Non-negative; another seed is another shop.
    first_week : int
        Fiscal week ``yyyyww`` of the first file, ``ww`` from 01 to 52.
    schema_version : {"cust", "seg"}
        Header names of the customer's price sensitivity and life stage.
    stores : int
        Stores, each with one format and one region; at least 12.
    segments : int
        Latent taste segments; at least 1.
    repertoire_size : float
        Median number of products that a customer buys in cycles.
    impulse_lines : float
        Mean unplanned lines of a weekly shopper's visit.
    anonymous_baskets : float
        Mean baskets without loyalty card per week and customer.

    Raises
    ------
    ValueError
        If a value is out of range; the message names the field.
    """

    customers: int = 5_000
    products: int = 5_000
    seed: int = 1
    first_week: int = 200607
    schema_version: str = "cust"
    stores: int = 761
    segments: int = 16
    repertoire_size: float = 22.0
    impulse_lines: float = 2.4
    anonymous_baskets: float = 0.26

    def __post_init__(self) -> None:
        for field, minimum in (("customers", 1), ("products", 50), ("seed", 0), ("stores", 12), ("segments", 1),
                               ("repertoire_size", 1), ("impulse_lines", 0), ("anonymous_baskets", 0)):  # fmt: skip
            if getattr(self, field) < minimum:
                raise ValueError(f"{field} must be at least {minimum}, not {getattr(self, field)}")
        if self.schema_version not in SCHEMA_VERSIONS:
            raise ValueError(f"schema_version must be one of {sorted(SCHEMA_VERSIONS)}, not {self.schema_version!r}")
        week_index(self.first_week)

    def random(self, *purpose: int | str) -> np.random.Generator:
        """A generator of its own for each purpose, so that no draw moves another."""
        key = [int.from_bytes(part.encode(), "big") if isinstance(part, str) else part for part in purpose]
        return np.random.default_rng([self.seed, *key])


def week_index(week: int) -> int:
    """Weeks from 200607 to fiscal week `week` (``yyyyww``, years of 52 weeks); raises ValueError outside 01–52."""
    year, number = divmod(week, 100)
    if not (1 <= number <= WEEKS_PER_YEAR and 1900 <= year <= 9000):
        raise ValueError(f"{week} is not a fiscal week: expected yyyyww with ww from 01 to {WEEKS_PER_YEAR}")
    origin_year, origin_number = divmod(CALENDAR_ORIGIN[0], 100)
    return (year - origin_year) * WEEKS_PER_YEAR + number - origin_number


def week_id(index: int) -> int:
    """Fiscal week ``yyyyww`` that lies `index` weeks after 200607; the inverse of `week_index`."""
    year, number = divmod(CALENDAR_ORIGIN[0], 100)
    years, number = divmod(number - 1 + index, WEEKS_PER_YEAR)
    return (year + years) * 100 + number + 1


def week_start(week: int) -> datetime.date:
    """Monday on which fiscal week `week` begins."""
    return CALENDAR_ORIGIN[1] + datetime.timedelta(weeks=week_index(week))


@dataclass(frozen=True)
class Catalogue:
    """Products and their stores; arrays are indexed by product or store number.

    Attributes
    ----------
    codes : list of pa.Array, each (products,)
        PROD_CODE and its parents PROD_CODE_10, _20, _30, _40.
    kinds : (products,) 0 fresh, 1 grocery, 2 non-food
    prices : (products,) usual unit price
    multi_buy : (products,) probability that a line has more than one unit
    cycles : (products,) typical days between two purchases by a weekly shopper
    seasons : (2, products) amplitude and phase in turns of the yearly season
    taste : (segments, products) demand of each segment; rows sum to 1
    store_columns : list of pa.Array, each (stores,)
        STORE_CODE, STORE_FORMAT, STORE_REGION.
    store_shares : (stores,) share of visits
    """

    codes: list[pa.Array]
    kinds: np.ndarray
    prices: np.ndarray
    multi_buy: np.ndarray
    cycles: np.ndarray
    seasons: np.ndarray
    taste: np.ndarray
    store_columns: list[pa.Array]
    store_shares: np.ndarray


def make_catalogue(config: ShopConfig) -> Catalogue:
    """Draw the assortment and the stores of a shop."""
    rng = config.random("catalogue")
    n = config.products
    # From the top of the hierarchy down: how the children of a level are shared out among their parents.
    sizes = [min(size, n) for _, size in HIERARCHY]
    counts = rng.multinomial(sizes[2] - sizes[3], DEPARTMENT_SHARES[: sizes[3]] / DEPARTMENT_SHARES[: sizes[3]].sum())
    ancestors = [np.repeat(np.arange(sizes[3]), 1 + counts)]
    for parents, children in ((sizes[2], sizes[1]), (sizes[1], sizes[0]), (sizes[0], n)):
        counts = rng.multinomial(children - parents, rng.dirichlet(np.full(parents, 6.0)))
        parent = np.repeat(np.arange(parents), 1 + counts)
        ancestors = [parent] + [level[parent] for level in ancestors]
    order = rng.permutation(n)  # neighbours by code are no neighbours in the hierarchy
    ancestors = [level[order] for level in ancestors]
    codes = [pa.array([f"PRD{900_001 + i:07d}" for i in range(n)])]
    codes += [pa.array([f"{prefix}{i + 1:05d}" for i in level.tolist()])
              for (prefix, _), level in zip(HIERARCHY, ancestors)]  # fmt: skip

    category, group = ancestors[:2]
    kinds = DEPARTMENT_KINDS[ancestors[3]]
    price_level = 0.45 * rng.standard_normal(sizes[0])[category] + 0.62 * rng.standard_normal(n) + 0.5 * (kinds == 2)
    popularity = (rng.permutation(n) + 30.0) ** -0.9
    taste = popularity * np.exp(0.8 * rng.standard_normal((config.segments, sizes[1]))[:, group]
                                + 0.6 * rng.standard_normal((config.segments, n)))  # fmt: skip
    store_formats = rng.choice(list(STORE_FORMATS), config.stores, p=list(STORE_FORMATS.values()))
    store_shares = rng.lognormal(0, 0.5, config.stores)
    return Catalogue(
        codes=codes,
        kinds=kinds,
        prices=np.maximum(0.10, np.round(1.05 * np.exp(price_level), 2)),
        multi_buy=np.clip(0.2 * np.exp(-0.4 * price_level + 0.3 * rng.standard_normal(n)), 0, 0.8),
        cycles=32 * np.exp(0.45 * rng.standard_normal(sizes[0])[category] + 0.2 * rng.standard_normal(n)),
        seasons=np.stack([rng.uniform(0, 0.4, sizes[0])[category], rng.uniform(0, 1, sizes[0])[category]]),
        taste=taste / taste.sum(axis=1, keepdims=True),
        store_columns=[pa.array([f"STORE{i + 1:05d}" for i in range(config.stores)]), pa.array(store_formats),
                       pa.array([REGIONS[i % len(REGIONS)] for i in range(config.stores)])],
        store_shares=store_shares / store_shares.sum(),
    )  # fmt: skip


def week_offers(config: ShopConfig, catalogue: Catalogue, week: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit prices in cents and demand factors of the products in the shop's week number `week` (0 = first).

    Returns
    -------
    cents : (products,) int64
        Price of the week; a price drop is of 12 to 40 per cent and lasts one to three weeks.
    demand : (products,) float
        Season times the pull of a drop (1.7 to 3.4).
    """
    depth = np.zeros(config.products)
    for age in range(3):
        rng = config.random("offers", week - age + 2)
        starts = rng.random(config.products) < 0.02
        lasts = rng.integers(1, 4, config.products)
        depth = np.maximum(depth, np.where(starts & (lasts > age), rng.uniform(0.12, 0.40, config.products), 0))
    cents = np.maximum(1, np.floor(100 * catalogue.prices * (1 - depth) + 1e-6)).astype(np.int64)
    amplitude, phase = catalogue.seasons
    turn = ((week_index(config.first_week) + week) % WEEKS_PER_YEAR) / WEEKS_PER_YEAR
    return cents, (1 + 6 * depth) * (1 + amplitude * np.cos(2 * np.pi * (turn - phase)))


class Demand:
    """Draws products by segment, in proportion to taste times the week's demand."""

    def __init__(self, taste: np.ndarray, demand: np.ndarray | float = 1.0) -> None:
        self.products = taste.shape[1]
        cumulative = np.cumsum(taste * demand, axis=1)
        cumulative /= cumulative[:, -1:]
        self.cumulative = (cumulative + np.arange(len(taste))[:, None]).ravel()

    def draw(self, rng: np.random.Generator, segments: np.ndarray) -> np.ndarray:
        """One product number for each entry of `segments`."""
        position = np.searchsorted(self.cumulative, segments + rng.random(len(segments)), side="right")
        return np.minimum(position - segments * self.products, self.products - 1)


class CustomerGroup:
    """Up to `GROUP_SIZE` customers: who they are, and when each product of theirs is next due.

    Days count from the first day of the shop. `visit` below is the number of a visit within the group and week.
    """

    def __init__(self, config: ShopConfig, catalogue: Catalogue, number: int) -> None:
        rng = config.random("customers", number)
        self.config, self.catalogue, self.number = config, catalogue, number
        self.size = n = min(GROUP_SIZE, config.customers - number * GROUP_SIZE)
        self.ids = number * GROUP_SIZE + np.arange(n)
        self.sensitivity = rng.choice(len(PRICE_SENSITIVITIES), n, p=list(PRICE_SENSITIVITIES.values()))
        self.lifestage = rng.choice(len(LIFESTAGES), n, p=list(LIFESTAGES.values()))
        # A life stage has a segment of its own; four customers in ten follow it.
        self.segment = np.where(rng.random(n) < 0.4, self.lifestage % config.segments,
                                rng.integers(0, config.segments, n))  # fmt: skip
        self.joins = np.where(rng.random(n) < 0.79, 0, rng.integers(0, 117 * 7, n))
        self.leaves = self.joins + np.ceil(rng.exponential(450 * 7, n)).astype(np.int64)
        self.interval = np.clip(rng.lognormal(np.log(12.5), 1.05, n), 1.5, 150)
        self.next_visit = self.joins + (rng.random(n) * self.interval).astype(np.int64)
        self.weekday = rng.choice(7, n, p=WEEKDAY_SHARES)
        self.hour = np.clip(rng.normal(14.5, 3.2, n), 9, 20)
        self.home = rng.choice(config.stores, n, p=catalogue.store_shares)
        regions = len(REGIONS)
        region = self.home % regions
        self.other_store = region + regions * rng.integers(0, (config.stores - region + regions - 1) // regions)
        self._fill_repertoire(rng)

    def _fill_repertoire(self, rng: np.random.Generator) -> None:
        """Give each customer distinct products with a true cycle each, spread over their first cycle."""
        sizes = np.ceil(rng.lognormal(np.log(self.config.repertoire_size), 0.5, self.size)).astype(np.int64)
        owner = np.repeat(np.arange(self.size), np.minimum(sizes, self.config.products // 4))
        drawn = Demand(self.catalogue.taste).draw(rng, self.segment[owner])
        self.owner, self.product = np.divmod(np.unique(owner * self.config.products + drawn), self.config.products)
        n = len(self.owner)
        pace = rng.lognormal(0, 0.25, self.size) * np.sqrt(self.interval / 7)
        self.cycle = np.clip(self.catalogue.cycles[self.product] * pace[self.owner] * rng.lognormal(0, 0.35, n), 4, 400)
        forgotten = np.where(rng.random(n) < 0.2, rng.exponential(180, n), 0)
        self.due = self.joins[self.owner] + rng.random(n) * self.cycle + forgotten

    def shop(self, week: int, demand: Demand) -> tuple[np.ndarray, np.ndarray]:
        """Let the shop's week number `week` pass.

        Weeks must be asked for in order, each once: the state moves on.

        Returns
        -------
        visits : (visits,) `VISIT`
            Identified and anonymous visits; some may be without lines.
        lines : (lines,) `LINE`
            At most one per visit and product, sorted by both.
        """
        rng = self.config.random("week", self.number, week)
        customers, days, visit_of_line, product_of_line = self._planned_purchases(rng, 7 * week + 7)
        known = len(customers)
        strangers = rng.poisson(self.config.anonymous_baskets * self.size)
        visits = np.empty(known + strangers, VISIT)
        for field, identified, anonymous in (
            ("customer", self.ids[customers], -1),
            ("sensitivity", self.sensitivity[customers], -1),
            ("lifestage", self.lifestage[customers], -1),
            ("day", days, 7 * week + rng.choice(7, strangers, p=WEEKDAY_SHARES)),
            ("hour", np.clip(self.hour[customers] + rng.normal(0, 1.5, known), 8, 21.99), rng.integers(8, 22, strangers)),
            ("store", np.where(rng.random(known) < 0.85, self.home[customers], self.other_store[customers]),
             rng.choice(self.config.stores, strangers, p=self.catalogue.store_shares)),
        ):  # fmt: skip
            visits[field][:known], visits[field][known:] = identified, anonymous

        means = np.concatenate([self.config.impulse_lines * np.sqrt(self.interval[customers] / 7), np.full(strangers, 3.0)])
        impulses = rng.negative_binomial(0.9, 0.9 / (0.9 + means)) + (np.arange(len(visits)) >= known)
        segments = np.concatenate([self.segment[customers], rng.integers(0, self.config.segments, strangers)])
        impulse_visit = np.repeat(np.arange(len(visits)), impulses)
        impulse_product = demand.draw(rng, segments[impulse_visit])

        keys = np.concatenate([visit_of_line, impulse_visit]) * self.config.products
        keys = np.unique(keys + np.concatenate([product_of_line, impulse_product]))
        lines = np.empty(len(keys), LINE)
        lines["visit"], lines["product"] = np.divmod(keys, self.config.products)
        lines["quantity"] = self._quantities(rng, lines["product"])
        return visits, lines

    def _planned_purchases(self, rng: np.random.Generator, end: int) -> tuple[np.ndarray, ...]:
        """Visits before day `end` and the repertoire bought on them: customer and day by visit, visit and product by line."""
        due = np.flatnonzero(self.due < end)
        customers, days, visit_of_line, product_of_line, visits = [], [], [], [], 0
        while True:
            self.next_visit[self.next_visit >= self.leaves] = NEVER
            visiting = np.flatnonzero(self.next_visit < end)
            if not len(visiting):
                break
            today = self.next_visit[visiting]
            visit_of, day_of = np.full(self.size, -1), np.full(self.size, -1)
            visit_of[visiting], day_of[visiting] = visits + np.arange(len(visiting)), today
            bought = due[self.due[due] <= day_of[self.owner[due]]]
            customers.append(visiting)
            days.append(today)
            visit_of_line.append(visit_of[self.owner[bought]])
            product_of_line.append(self.product[bought])
            visits += len(visiting)
            self._renew(rng, bought, day_of[self.owner[bought]])
            self.next_visit[visiting] = self._visit_after(rng, visiting, today)
        none = [np.empty(0, np.int64)]
        return tuple(np.concatenate(none + parts) for parts in (customers, days, visit_of_line, product_of_line))

    def _renew(self, rng: np.random.Generator, items: np.ndarray, today: np.ndarray) -> None:
        """Set the next due days of `items` bought on days `today`: a cycle after they were due, so that waiting for a
        visit does not stretch the cycle; a cycle from now where that has passed; months later where forgotten."""
        gap = rng.gamma(3, self.cycle[items] / 3)
        due = self.due[items] + gap
        forgotten = np.where(rng.random(len(items)) < 0.04, rng.exponential(180, len(items)), 0)
        self.due[items] = np.where(due > today, due, today + gap) + forgotten

    def _visit_after(self, rng: np.random.Generator, customers: np.ndarray, today: np.ndarray) -> np.ndarray:
        """Day of each customer's next visit; those who come weekly or less often like their weekday."""
        day = today + np.maximum(1, np.rint(rng.gamma(3, self.interval[customers] / 3))).astype(np.int64)
        habitual = (self.interval[customers] >= 5) & (rng.random(len(customers)) < 0.6)
        shift = (self.weekday[customers] - day + 3) % 7 - 3
        return np.maximum(today + 1, day + habitual * shift)

    def _quantities(self, rng: np.random.Generator, products: np.ndarray) -> np.ndarray:
        """Units of each line: mostly one, sometimes a few, very rarely hundreds."""
        n = len(products)
        several = rng.random(n) < self.catalogue.multi_buy[products]
        units = 1 + several * (1 + rng.negative_binomial(0.7, 0.7 / (0.7 + 1.3), n))
        hoards = rng.random(n) < 4e-6
        return np.where(hoards, np.exp(rng.uniform(np.log(40), np.log(1700), n)), units).astype(np.int32)


def customer_codes(customers: np.ndarray) -> list[str | None]:
    """CUST_CODE of each customer number (a fixed permutation within each million), None for -1."""
    scrambled = customers // 1_000_000 * 1_000_000 + (customers % 1_000_000 * 387_421 + 104_729) % 1_000_000
    return [f"CUST{code:010d}" if customer >= 0 else None for customer, code in zip(customers, scrambled.tolist())]


def label_baskets(config: ShopConfig, catalogue: Catalogue, week: int, visits: np.ndarray,
                  lines: np.ndarray) -> list[pa.Array]:  # fmt: skip
    """BASKET_SIZE, BASKET_PRICE_SENSITIVITY, BASKET_TYPE and BASKET_DOMINANT_MISSION, each (visits,)."""
    rng = config.random("baskets", week)
    n = len(visits)
    per_kind = [np.bincount(lines["visit"][catalogue.kinds[lines["product"]] == kind], minlength=n) for kind in range(3)]
    count = sum(per_kind)
    fresh, grocery, nonfood = (kind / count for kind in per_kind)
    size = np.searchsorted([2.5, 7.5], count)
    type_ = np.searchsorted([5.5, 13.5], count * rng.lognormal(0, 0.15, n))
    mission = np.select([fresh >= 0.55, grocery >= 0.6, nonfood >= 0.5], [0, 2, 3], 1)
    sensitivity = np.where((rng.random(n) < 0.55) & (visits["sensitivity"] >= 0) & (visits["sensitivity"] < 3),
                           visits["sensitivity"], rng.choice(3, n, p=[0.6, 0.2, 0.2]))  # fmt: skip
    unclassified = rng.random(n) < 0.002
    return [pa.array(["S", "M", "L"]).take(pa.array(size))] + [
        pa.array([*labels, "XX"]).take(pa.array(np.where(unclassified, len(labels), codes)))
        for labels, codes in ((("MM", "UM", "LA"), sensitivity), (("Small Shop", "Top Up", "Full Shop"), type_),
                              (("Fresh", "Mixed", "Grocery", "Nonfood"), mission))
    ]  # fmt: skip


def week_table(config: ShopConfig, catalogue: Catalogue, week: int, cents: np.ndarray, visits: np.ndarray,
               lines: np.ndarray) -> pa.Table:  # fmt: skip
    """The lines of one file in LGSR's columns, sorted by date, hour, basket and product."""
    order = np.lexsort((visits["hour"], visits["day"]))
    order = order[np.bincount(lines["visit"], minlength=len(visits))[order] > 0]
    basket = np.empty(len(visits), np.int64)
    basket[order] = np.arange(len(order))
    visits, lines = visits[order], lines.copy()
    lines["visit"] = basket[lines["visit"]]
    lines = lines[np.argsort(lines["visit"], kind="stable")]

    fiscal_week = week_id(week_index(config.first_week) + week)
    monday = week_start(fiscal_week)
    dates = np.array([int(f"{monday + datetime.timedelta(days=day):%Y%m%d}") for day in range(7)])
    weekday = visits["day"] - 7 * week
    by_visit = {
        "SHOP_DATE": pa.array(dates[weekday]),
        "SHOP_WEEKDAY": pa.array((weekday + 1) % 7 + 1),
        "SHOP_HOUR": pa.array(visits["hour"]),
        "CUST_CODE": pa.array(customer_codes(visits["customer"]), pa.string()),
    }
    for name, field, labels in zip(SCHEMA_VERSIONS[config.schema_version], ("sensitivity", "lifestage"),
                                   (PRICE_SENSITIVITIES, LIFESTAGES)):  # fmt: skip
        by_visit[name] = pa.array(list(labels)).take(pa.array(visits[field], mask=visits[field] < 0))
    by_visit["BASKET_ID"] = pa.array(994_100_000_000_000 + 10**8 * week + np.arange(len(visits)))
    names = ("BASKET_SIZE", "BASKET_PRICE_SENSITIVITY", "BASKET_TYPE", "BASKET_DOMINANT_MISSION")
    by_visit |= zip(names, label_baskets(config, catalogue, week, visits, lines))
    store = pa.array(visits["store"])
    by_visit |= {name: column.take(store)
                 for name, column in zip(("STORE_CODE", "STORE_FORMAT", "STORE_REGION"), catalogue.store_columns)}  # fmt: skip

    columns = {name: column.take(pa.array(lines["visit"])) for name, column in by_visit.items()}
    spend = pa.array(lines["quantity"] * cents[lines["product"]] / 100)
    columns = {"SHOP_WEEK": pa.array(np.full(len(lines), fiscal_week))} | dict(list(columns.items())[:3]) | {
        "QUANTITY": pa.array(lines["quantity"]), "SPEND": spend,
        **{name: codes.take(pa.array(lines["product"]))
           for name, codes in zip(("PROD_CODE", *(f"PROD_CODE_{level}" for level in (10, 20, 30, 40))), catalogue.codes)},
    } | dict(list(columns.items())[3:])  # fmt: skip
    return pa.table(columns)
