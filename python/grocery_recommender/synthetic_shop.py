"""A made-up shop in the files of dunnhumby's "Let's Get Sort-of-Real" (LGSR), with its truth known.

LGSR may not be redistributed, so tests and benchmarks run on a shop that resembles its published counts::

    python -m grocery_recommender.synthetic_shop FOLDER --customers 5000 --weeks 117

Modelled: each customer has a home store, a visit rhythm, a taste segment shared with others, and a repertoire of
products. Each of those comes due by a gamma renewal process around its true cycle and is bought on the first
visit after it is due; now and then it is forgotten for months. Further lines of a visit are impulses, drawn from
what the segment likes, what is in season and what is on offer. Customers join and leave; people without a card
buy too. Popularity is heavy-tailed. Prices drop for one to three weeks at a time.

Not modelled: substitutes, stock-outs, regional assortments, growth, inflation, returns, what price sensitivity
does to purchases, and the large stores' larger baskets.

The same arguments give the same bytes, and a week does not depend on how many weeks are asked for. What the
customers of a full group of `GROUP_SIZE` buy does not depend on how many groups follow.
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
WEEKS_PER_YEAR = 52
ORIGIN_WEEK, ORIGIN_MONDAY = 200607, datetime.date(2006, 4, 10)
NEVER = np.iinfo(np.int64).max  # a day that does not come

# The shares below are LGSR's, of lines. Parameters of behaviour were fitted to its counts.
HIERARCHY = {"CL": 250, "DEP": 90, "G": 31, "D": 9}  # code prefix and number of codes, finest first
DEPARTMENT_SHARES = np.array([0.13, 0.40, 0.26, 0.06, 0.07, 0.03, 0.02, 0.02, 0.01])
DEPARTMENT_KINDS = np.array([0, 0, 1, 1, 2, 2, 2, 2, 2])  # fresh, grocery, non-food
KIND_SHARES = (0.59, 0.335, 0.075)
STORE_FORMATS = {"LS": 0.64, "MS": 0.22, "XLS": 0.075, "SS": 0.065}
REGIONS = [f"{side}{number:02d}" for side in "ENSW" for number in (1, 2, 3)]
PRICE_SENSITIVITIES = {"MM": 0.457, "UM": 0.275, "LA": 0.265, "XX": 0.003}
LIFESTAGES = {"OT": 0.30, "YF": 0.21, "YA": 0.13, "OA": 0.12, None: 0.12, "PE": 0.07, "OF": 0.05}
WEEKDAY_SHARES = (0.12, 0.11, 0.12, 0.14, 0.18, 0.19, 0.14)  # of favourite shopping days, Monday first
REPERTOIRE_SIZE = 13.5  # median products that a customer buys in cycles
CYCLE_SHAPE = 3.0  # of the gamma distribution of days between dues: the higher, the more regular
LAPSE_CHANCE, LAPSE_DAYS = 0.04, 180.0  # after a purchase a product is forgotten, for so long on average
IMPULSE_LINES = 2.65  # mean a visit of a weekly shopper
ANONYMOUS_BASKETS = 0.265  # mean per week and customer

SCHEMA_VERSIONS = {"cust": ("CUST_PRICE_SENSITIVITY", "CUST_LIFESTAGE"), "seg": ("seg_1", "seg_2")}
COLUMNS = """SHOP_WEEK SHOP_DATE SHOP_WEEKDAY SHOP_HOUR QUANTITY SPEND PROD_CODE PROD_CODE_10 PROD_CODE_20
    PROD_CODE_30 PROD_CODE_40 CUST_CODE {} {} BASKET_ID BASKET_SIZE BASKET_PRICE_SENSITIVITY BASKET_TYPE
    BASKET_DOMINANT_MISSION STORE_CODE STORE_FORMAT STORE_REGION"""
VISIT = np.dtype("i8, i1, i1, i8, i1, i4")
VISIT.names = ("customer", "price_sensitivity", "lifestage", "day", "hour", "store")
LINE = np.dtype([("visit", "i8"), ("product", "i4"), ("quantity", "i4")])


@dataclass(frozen=True)
class ShopConfig:
    """What decides a shop, apart from its number of weeks; a value out of range raises ValueError.

    Parameters
    ----------
    customers
        Holders of a loyalty card, those who join or leave included; at least 1.
    products
        Size of the assortment; at least 50. Below 250 the hierarchy has fewer codes.
    seed
        Not negative. Another seed is another shop.
    first_week
        Fiscal week ``yyyyww`` of the first file, ``ww`` from 01 to 52.
    schema_version
        ``cust``, or ``seg`` for the headers ``seg_1, seg_2``.
    stores, segments
        Stores (at least 12) and latent taste segments (at least 1).
    """

    customers: int = 5_000
    products: int = 5_000
    seed: int = 1
    first_week: int = ORIGIN_WEEK
    schema_version: str = "cust"
    stores: int = 761
    segments: int = 12

    def __post_init__(self) -> None:
        for field, least in {"customers": 1, "products": 50, "seed": 0, "stores": 12, "segments": 1}.items():
            if getattr(self, field) < least:
                raise ValueError(f"{field} must be at least {least}, not {getattr(self, field)}")
        if self.schema_version not in SCHEMA_VERSIONS:
            raise ValueError(f"schema_version must be in {list(SCHEMA_VERSIONS)}, not {self.schema_version!r}")
        week_index(self.first_week)

    def random(self, purpose: str, *numbers: int) -> np.random.Generator:
        """A generator for one purpose, so that no draw moves the draws of another."""
        return np.random.default_rng([self.seed, int.from_bytes(purpose.encode(), "big"), *numbers])

    def week(self, number: int) -> int:
        """Fiscal week of the shop's week `number` (0 = first)."""
        return week_id(week_index(self.first_week) + number)


def week_index(week: int) -> int:
    """Weeks from 200607 to fiscal week `week` (``yyyyww``); raises ValueError unless ``ww`` is 01 to 52."""
    (year, number), (first_year, first_number) = divmod(week, 100), divmod(ORIGIN_WEEK, 100)
    if not (1900 <= year <= 9000 and 1 <= number <= WEEKS_PER_YEAR):
        raise ValueError(f"{week} is no fiscal week: expected yyyyww with ww from 01 to {WEEKS_PER_YEAR}")
    return (year - first_year) * WEEKS_PER_YEAR + number - first_number


def week_id(index: int) -> int:
    """Fiscal week that lies `index` weeks after 200607; the inverse of `week_index`."""
    first_year, first_number = divmod(ORIGIN_WEEK, 100)
    years, number = divmod(first_number - 1 + index, WEEKS_PER_YEAR)
    return (first_year + years) * 100 + number + 1


def week_dates(week: int) -> list[int]:
    """The seven dates of a fiscal week as ``yyyymmdd``, Monday first."""
    monday = ORIGIN_MONDAY + datetime.timedelta(weeks=week_index(week))
    return [int(f"{monday + datetime.timedelta(days=day):%Y%m%d}") for day in range(7)]


@dataclass(frozen=True)
class Catalogue:
    """Products and stores; shapes are in the comments."""

    codes: dict[str, pa.Array]  # PROD_CODE and PROD_CODE_10 to _40, each (products,)
    kinds: np.ndarray  # (products,) 0 fresh, 1 grocery, 2 non-food
    prices: np.ndarray  # (products,) usual unit price
    multi_buy: np.ndarray  # (products,) probability of more than one unit on a line
    cycles: np.ndarray  # (products,) typical days between two purchases of a weekly shopper
    seasons: np.ndarray  # (2, products) amplitude and phase, in years, of the yearly season
    taste: np.ndarray  # (segments, products) demand of each segment; rows sum to 1
    stores: dict[str, pa.Array]  # STORE_CODE, STORE_FORMAT and STORE_REGION, each (stores,)
    store_shares: np.ndarray  # (stores,) share of visits


def make_hierarchy(rng: np.random.Generator, products: int) -> list[np.ndarray]:
    """Ancestor numbers of each product, finest level first, each ``(products,)``; every code has a product."""
    sizes = [products, *(min(size, products) for size in HIERARCHY.values())]
    ancestors, shares = [], DEPARTMENT_SHARES
    for children, parents in zip(sizes[-2::-1], sizes[:0:-1], strict=False):
        parent = np.repeat(np.arange(parents), 1 + rng.multinomial(children - parents, shares))
        ancestors = [parent, *(level[parent] for level in ancestors)]
        shares = rng.dirichlet(np.full(children, 6.0))
    order = rng.permutation(products)  # neighbours by code are not neighbours in the hierarchy
    return [level[order] for level in ancestors]


def make_catalogue(config: ShopConfig) -> Catalogue:
    """Draw the assortment and the stores."""
    rng, n = config.random("catalogue"), config.products
    category, group, _, department = ancestors = make_hierarchy(rng, n)
    codes = {"PROD_CODE": pa.array([f"PRD{900_001 + i:07d}" for i in range(n)])}
    for depth, (prefix, level) in enumerate(zip(HIERARCHY, ancestors, strict=False), start=1):
        codes[f"PROD_CODE_{depth}0"] = pa.array([f"{prefix}{i + 1:05d}" for i in level.tolist()])

    kinds, normal, categories = DEPARTMENT_KINDS[department], rng.standard_normal, category.max() + 1
    taste = np.exp(normal((config.segments, group.max() + 1))[:, group] + normal((config.segments, n)))
    taste *= (rng.permutation(n) + 10.0) ** -0.5
    for kind, share in enumerate(KIND_SHARES):
        taste[:, kinds == kind] *= share / taste[:, kinds == kind].sum(axis=1, keepdims=True)

    def level(middle: float, spread: np.ndarray) -> np.ndarray:
        """Values whose logarithms are spread around that of `middle`, their mean over purchases."""
        return middle * np.exp(spread - spread @ taste.mean(axis=0))

    prices = level(1.07, 0.33 * normal(categories)[category] + 0.48 * normal(n) + 1.15 * (kinds == 2))
    store_shares = rng.lognormal(0, 0.5, config.stores)
    return Catalogue(
        codes=codes,
        kinds=kinds,
        prices=np.maximum(0.10, np.round(prices, 2)),
        multi_buy=np.minimum(level(0.2, 0.3 * normal(n) - 0.4 * np.log(prices)), 0.8),
        cycles=level(20.0, 0.45 * normal(categories)[category] + 0.2 * normal(n)),
        seasons=rng.random((2, categories))[:, category] * [[0.4], [1.0]],
        taste=taste,
        stores={
            "STORE_CODE": pa.array([f"STORE{i + 1:05d}" for i in range(config.stores)]),
            "STORE_FORMAT": pa.array(rng.choice([*STORE_FORMATS], config.stores, p=[*STORE_FORMATS.values()])),
            "STORE_REGION": pa.array([REGIONS[i % len(REGIONS)] for i in range(config.stores)]),
        },
        store_shares=store_shares / store_shares.sum(),
    )


def week_offers(config: ShopConfig, catalogue: Catalogue, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Prices and demand of the shop's week `number` (0 = first).

    Returns
    -------
    cents
        Unit prices, ``(products,)`` integers; on offer they are 12 to 40 per cent lower for one to three weeks.
    demand
        Season times pull of the offer (1.7 to 3.4), ``(products,)``.
    """
    depth, n = np.zeros(config.products), config.products
    for age in range(3):
        rng = config.random("offers", number - age + 2)
        begins = (rng.random(n) < 0.02) & (rng.integers(1, 4, n) > age)
        depth = np.maximum(depth, begins * rng.uniform(0.12, 0.40, n))
    cents = np.maximum(1, np.floor(100 * catalogue.prices * (1 - depth) + 1e-6)).astype(np.int64)
    amplitude, phase = catalogue.seasons
    season = 1 + amplitude * np.cos(2 * np.pi * (config.week(number) % 100 / WEEKS_PER_YEAR - phase))
    return cents, season * (1 + 6 * depth)


class Demand:
    """Draws products in proportion to a segment's taste times the week's demand."""

    def __init__(self, taste: np.ndarray, demand: np.ndarray | float = 1.0) -> None:
        cumulative = np.cumsum(taste * demand, axis=1)
        self.products = taste.shape[1]
        self.steps = (cumulative / cumulative[:, -1:] + np.arange(len(taste))[:, None]).ravel()

    def draw(self, rng: np.random.Generator, segments: np.ndarray) -> np.ndarray:
        """One product number for each entry of `segments`."""
        step = np.searchsorted(self.steps, segments + rng.random(len(segments)), side="right")
        return np.minimum(step - segments * self.products, self.products - 1)


class CustomerGroup:
    """Up to `GROUP_SIZE` customers: who they are, and when each product of their repertoires is due next.

    Days count from the shop's first. Arrays of customers are indexed by their number in the group; ``owner``,
    ``product``, ``cycle`` (true mean days between purchases) and ``due`` by repertoire entry.
    """

    def __init__(self, config: ShopConfig, catalogue: Catalogue, number: int) -> None:
        rng = config.random("customers", number)
        self.config, self.catalogue, self.number = config, catalogue, number
        self.size = n = min(GROUP_SIZE, config.customers - number * GROUP_SIZE)
        self.ids = number * GROUP_SIZE + np.arange(n)
        self.price_sensitivity = rng.choice(len(PRICE_SENSITIVITIES), n, p=[*PRICE_SENSITIVITIES.values()])
        self.lifestage = rng.choice(len(LIFESTAGES), n, p=[*LIFESTAGES.values()])
        follows_lifestage = rng.random(n) < 0.4  # a life stage has a taste segment of its own
        self.segment = rng.integers(0, config.segments, n)
        self.segment = np.where(follows_lifestage, self.lifestage % config.segments, self.segment)
        self.joins = np.where(rng.random(n) < 0.79, 0, rng.integers(0, 110 * 7, n))
        self.leaves = self.joins + 1 + rng.exponential(450 * 7, n).astype(np.int64)
        self.interval = np.clip(rng.lognormal(np.log(15), 1.4, n), 2, 200)  # mean days between visits
        gap = rng.gamma(4, self.interval / 3)  # between the last visit and the next, as seen from the first day
        since_visit = rng.random(n) * gap
        self.next_visit = self.joins + (gap - since_visit).astype(np.int64)
        self.impulses = IMPULSE_LINES * np.minimum(rng.lognormal(0, 0.5, n) * np.sqrt(self.interval / 7), 6)
        self.weekday = rng.choice(7, n, p=WEEKDAY_SHARES)
        self.hour = np.clip(rng.normal(14.5, 3.2, n), 9, 20)
        self.home = rng.choice(config.stores, n, p=catalogue.store_shares)
        region, step = self.home % len(REGIONS), len(REGIONS)
        self.other_store = region + step * rng.integers(0, -(-(config.stores - region) // step))

        sizes = np.ceil(rng.lognormal(np.log(REPERTOIRE_SIZE), 0.6, n)).astype(np.int64)
        owner = np.repeat(np.arange(n), np.minimum(sizes, config.products // 4))
        pairs = np.unique(owner * config.products + Demand(catalogue.taste).draw(rng, self.segment[owner]))
        self.owner, self.product = np.divmod(pairs, config.products)
        pace = (rng.lognormal(0, 0.25, n) * np.sqrt(self.interval / 7))[self.owner]
        cycle = catalogue.cycles[self.product] * pace * rng.lognormal(0, 0.35, len(pairs))
        self.cycle = np.clip(cycle, 4, 400)
        # As if all this had been going on for long: within a cycle at the last visit, some products forgotten.
        rest = rng.random(len(pairs)) * rng.gamma(CYCLE_SHAPE + 1, self.cycle / CYCLE_SHAPE)
        lapse = LAPSE_CHANCE * LAPSE_DAYS
        self.due = (self.joins - since_visit)[self.owner] + rest + self._lapses(rng, lapse / (self.cycle + lapse))

    def shop(self, week: int, demand: Demand) -> tuple[np.ndarray, np.ndarray]:
        """Let the shop's week number `week` pass. To be called for each week in turn: the state moves on.

        Returns
        -------
        visits
            `VISIT` records ``(visits,)``, anonymous ones last with -1 for the customer; some have no lines.
        lines
            `LINE` records ``(lines,)``, one per visit (its position in `visits`) and product, sorted by both.
        """
        rng, config = self.config.random("week", self.number, week), self.config
        customers, days, planned_visit, planned_product = self._planned_purchases(rng, 7 * week + 7)
        known, anonymous = len(customers), rng.poisson(ANONYMOUS_BASKETS * self.size)
        visits = np.full(known + anonymous, -1, VISIT)
        visits["customer"][:known] = self.ids[customers]
        visits["price_sensitivity"][:known] = self.price_sensitivity[customers]
        visits["lifestage"][:known] = self.lifestage[customers]
        visits["day"][:known] = days
        visits["day"][known:] = 7 * week + rng.choice(7, anonymous, p=WEEKDAY_SHARES)
        visits["hour"][:known] = np.clip(self.hour[customers] + rng.normal(0, 1.5, known), 8, 21)
        visits["hour"][known:] = rng.integers(8, 22, anonymous)
        at_home = rng.random(known) < 0.85
        visits["store"][:known] = np.where(at_home, self.home[customers], self.other_store[customers])
        visits["store"][known:] = rng.choice(config.stores, anonymous, p=self.catalogue.store_shares)

        means = np.concatenate([self.impulses[customers], np.full(anonymous, 3.0)])
        impulses = rng.negative_binomial(1.2, 1.2 / (1.2 + means)) + (visits["customer"] < 0)
        segments = np.concatenate([self.segment[customers], rng.integers(0, config.segments, anonymous)])
        visit = np.repeat(np.arange(len(visits)), impulses)
        product = np.concatenate([planned_product, demand.draw(rng, segments[visit])])
        keys = np.unique(np.concatenate([planned_visit, visit]) * config.products + product)
        lines = np.empty(len(keys), LINE)
        lines["visit"], lines["product"] = np.divmod(keys, config.products)
        lines["quantity"] = self._quantities(rng, lines["product"])
        return visits, lines

    def _planned_purchases(self, rng: np.random.Generator, end: int) -> tuple[np.ndarray, ...]:
        """Visits before day `end`, and what is due on them: customer and day of each visit, visit and product of
        each line. Each round takes every customer's next visit."""
        due = np.flatnonzero(self.due < end)
        visits, rounds = 0, [(np.empty(0, np.int64),) * 4]
        while True:
            self.next_visit[self.next_visit >= self.leaves] = NEVER
            customers = np.flatnonzero(self.next_visit < end)
            if not len(customers):
                return tuple(np.concatenate(parts) for parts in zip(*rounds, strict=False))
            days = self.next_visit[customers]
            visit, today = np.full(self.size, -1), np.full(self.size, -NEVER)
            visit[customers], today[customers] = visits + np.arange(len(customers)), days
            bought = due[self.due[due] <= today[self.owner[due]]]
            rounds.append((customers, days, visit[self.owner[bought]], self.product[bought]))
            visits += len(customers)
            self._renew(rng, bought, today[self.owner[bought]])
            self.next_visit[customers] = self._visit_after(rng, customers, days)

    def _renew(self, rng: np.random.Generator, bought: np.ndarray, today: np.ndarray) -> None:
        """Make repertoire entries due again: a cycle after they were due, so that waiting for a visit does not
        stretch the cycle, or a cycle from today if that has passed."""
        gap = rng.gamma(CYCLE_SHAPE, self.cycle[bought] / CYCLE_SHAPE)
        due = np.where(self.due[bought] + gap > today, self.due[bought], today) + gap
        self.due[bought] = due + self._lapses(rng, np.full(len(bought), LAPSE_CHANCE))

    def _lapses(self, rng: np.random.Generator, chances: np.ndarray) -> np.ndarray:
        """Days for which a product is forgotten, mostly none."""
        return np.where(rng.random(len(chances)) < chances, rng.exponential(LAPSE_DAYS, len(chances)), 0)

    def _visit_after(self, rng: np.random.Generator, customers: np.ndarray, today: np.ndarray) -> np.ndarray:
        """Days of the visits after those of `today`; who comes weekly or less often keeps to a weekday."""
        day = today + np.maximum(1, np.rint(rng.gamma(3, self.interval[customers] / 3))).astype(np.int64)
        habitual = (self.interval[customers] >= 5) & (rng.random(len(customers)) < 0.6)
        return np.maximum(today + 1, day + habitual * ((self.weekday[customers] - day + 3) % 7 - 3))

    def _quantities(self, rng: np.random.Generator, products: np.ndarray) -> np.ndarray:
        """Units of each line: mostly one, sometimes a few, very rarely hundreds."""
        n = len(products)
        several = rng.random(n) < self.catalogue.multi_buy[products]
        units = 1 + several * (1 + rng.negative_binomial(0.7, 0.7 / (0.7 + 1.3), n))
        return np.where(rng.random(n) < 4e-6, np.exp(rng.uniform(np.log(40), np.log(1700), n)), units)


def customer_groups(config: ShopConfig, catalogue: Catalogue) -> list[CustomerGroup]:
    """The shop's customers as they are before its first week."""
    return [CustomerGroup(config, catalogue, group) for group in range(-(-config.customers // GROUP_SIZE))]


def customer_codes(customers: np.ndarray) -> pa.Array:
    """CUST_CODE of customer numbers, scattered within each million; null for -1."""
    scattered = customers - customers % 1_000_000 + (customers % 1_000_000 * 387_421 + 104_729) % 1_000_000
    return pa.array([f"CUST{code:010d}" for code in scattered.tolist()], mask=customers < 0)


def decode(labels: list[str | None], numbers: np.ndarray) -> pa.Array:
    """Labels of `numbers`; null for -1."""
    return pa.array(labels).take(pa.array(numbers, mask=numbers < 0))


def label_baskets(
    config: ShopConfig, catalogue: Catalogue, week: int, visits: np.ndarray, lines: np.ndarray
) -> dict[str, pa.Array]:
    """Basket labels by name, each ``(visits,)``; every visit must have lines. Size and type follow the lines,
    the mission their departments, the price sensitivity often the customer's; a few baskets are XX."""
    rng, n = config.random("baskets", week), len(visits)
    kinds = catalogue.kinds[lines["product"]]
    fresh, grocery, other = (np.bincount(lines["visit"][kinds == kind], minlength=n) for kind in range(3))
    count = fresh + grocery + other
    bulk = np.where(count == 1, 1, count * rng.lognormal(0, 0.15, n))  # not just lines matter
    unclassified, as_customer = rng.random(n) < 0.002, rng.random(n) < 0.55
    as_customer &= visits["price_sensitivity"] >= 0
    sensitivity = np.where(as_customer, visits["price_sensitivity"], rng.choice(3, n, p=[0.6, 0.2, 0.2]))
    mission = np.select([fresh >= 0.6 * count, grocery >= 0.55 * count, other >= 0.4 * count], [0, 1, 2], 3)
    labels = {
        "BASKET_PRICE_SENSITIVITY": (["MM", "UM", "LA", "XX"], sensitivity),
        "BASKET_TYPE": (["Small Shop", "Top Up", "Full Shop", "XX"], np.searchsorted([4.3, 11.7], bulk)),
        "BASKET_DOMINANT_MISSION": (["Fresh", "Grocery", "Nonfood", "Mixed", "XX"], mission),
    }
    labels = {k: decode(names, np.where(unclassified, len(names) - 1, v)) for k, (names, v) in labels.items()}
    return {"BASKET_SIZE": decode(["S", "M", "L"], np.searchsorted([2.12, 5.5], bulk)), **labels}


def week_table(
    config: ShopConfig, catalogue: Catalogue, week: int, cents: np.ndarray, visits: np.ndarray, lines: np.ndarray
) -> pa.Table:
    """One file: `lines` in LGSR's columns, by date, hour, basket and product, at unit prices `cents`."""
    order = np.lexsort((visits["hour"], visits["day"]))
    order = order[np.bincount(lines["visit"], minlength=len(visits))[order] > 0]
    basket = np.empty(len(visits), np.int64)
    basket[order] = np.arange(len(order))
    visits, lines = visits[order], lines.copy()
    lines["visit"] = basket[lines["visit"]]
    lines = lines[np.argsort(lines["visit"], kind="stable")]
    weekday = visits["day"] - 7 * week  # 0 = Monday
    sensitivity, lifestage = SCHEMA_VERSIONS[config.schema_version]
    by_visit = {
        "SHOP_DATE": pa.array(np.array(week_dates(config.week(week)))[weekday]),
        "SHOP_WEEKDAY": pa.array((weekday + 1) % 7 + 1),
        "SHOP_HOUR": pa.array(visits["hour"]),
        "CUST_CODE": customer_codes(visits["customer"]),
        sensitivity: decode([*PRICE_SENSITIVITIES], visits["price_sensitivity"]),
        lifestage: decode([*LIFESTAGES], visits["lifestage"]),
        "BASKET_ID": pa.array(994_100_000_000_000 + 10**8 * week + np.arange(len(visits))),
        **label_baskets(config, catalogue, week, visits, lines),
        **{name: column.take(pa.array(visits["store"])) for name, column in catalogue.stores.items()},
    }
    by_line = {
        "SHOP_WEEK": pa.array(np.full(len(lines), config.week(week))),
        "QUANTITY": pa.array(lines["quantity"]),
        "SPEND": pa.array(lines["quantity"] * cents[lines["product"]] / 100),
        **{name: column.take(pa.array(lines["product"])) for name, column in catalogue.codes.items()},
        **{name: column.take(pa.array(lines["visit"])) for name, column in by_visit.items()},
    }
    return pa.table(by_line).select(COLUMNS.format(sensitivity, lifestage).split())


def generate_weeks(config: ShopConfig, weeks: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield (fiscal week, its lines in LGSR's columns) for the shop's first `weeks` weeks, one at a time."""
    catalogue = make_catalogue(config)
    groups = customer_groups(config, catalogue)
    for week in range(weeks):
        cents, factors = week_offers(config, catalogue, week)
        demand, all_visits, all_lines, visits_before = Demand(catalogue.taste, factors), [], [], 0
        for group in groups:
            visits, lines = group.shop(week, demand)
            lines["visit"] += visits_before
            visits_before += len(visits)
            all_visits.append(visits)
            all_lines.append(lines)
        parts = np.concatenate(all_visits), np.concatenate(all_lines)
        yield config.week(week), week_table(config, catalogue, week, cents, *parts)


def true_cycles(config: ShopConfig) -> pa.Table:
    """Truth of the repertoires: customer_id, product_id and cycle_days, the mean days between two purchases while
    the product is not forgotten and visits are more frequent than that. Impulse purchases have no cycle."""
    catalogue = make_catalogue(config)
    return pa.concat_tables(
        pa.table({
            "customer_id": customer_codes(group.ids).take(pa.array(group.owner)),
            "product_id": catalogue.codes["PROD_CODE"].take(pa.array(group.product)),
            "cycle_days": group.cycle,
        })
        for group in customer_groups(config, catalogue)
    )  # fmt: skip


def true_customers(config: ShopConfig) -> pa.Table:
    """Truth of each customer: customer_id, the fiscal weeks first_week and last_week between which visits fall
    (they may lie after the last file), visit_interval_days (mean) and taste_segment."""
    weeks = [config.week(number) for number in range(10_000)]
    return pa.concat_tables(
        pa.table({
            "customer_id": customer_codes(group.ids),
            "first_week": np.take(weeks, group.joins // 7),
            "last_week": np.take(weeks, (group.leaves - 1) // 7, mode="clip"),
            "visit_interval_days": group.interval,
            "taste_segment": group.segment,
        })
        for group in customer_groups(config, make_catalogue(config))
    )  # fmt: skip


def write_week(path: Path, table: pa.Table) -> None:
    """Write one transaction file; it bears its name only once it is complete."""
    unfinished = path.with_name(path.name + ".part")
    with pa.output_stream(unfinished, compression="gzip" if path.suffix == ".gz" else None) as sink:
        sink.write(",".join(table.column_names).encode() + b"\n")
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        pyarrow.csv.write_csv(table, sink, options)
    os.replace(unfinished, path)


def write_shop(
    folder: str | Path, config: ShopConfig, weeks: int, *, compress: bool = False, extra_weeks: int = 4
) -> list[Path]:
    """Write a shop as LGSR files: ``transactions_YYYYWW.csv`` for each week, and ``time.csv``.

    Parameters
    ----------
    folder
        Made if missing. Files of the same name are replaced (by the same bytes, if the shop is the same).
    weeks
        Weeks from ``config.first_week`` on; at least 1.
    compress
        Write ``.csv.gz``.
    extra_weeks
        Weeks that time.csv covers beyond the last file; at least 0.

    Returns
    -------
    list of Path
        The transaction files in order of week.

    Raises
    ------
    ValueError
        If `weeks` or `extra_weeks` is too small.
    """
    if weeks < 1 or extra_weeks < 0:
        raise ValueError(f"weeks must be at least 1 and extra_weeks at least 0, not {weeks} and {extra_weeks}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for week, table in generate_weeks(config, weeks):
        paths.append(folder / f"transactions_{week}.csv{'.gz' * compress}")
        write_week(paths[-1], table)
        logger.info("%s: %d lines (%d of %d weeks)", paths[-1].name, len(table), len(paths), weeks)
    rows = ["shop_week,date_from,date_to"]
    for week in map(config.week, range(weeks + extra_weeks)):
        rows.append(f"{week},{week_dates(week)[0]},{week_dates(week)[-1]}")
    (folder / "time.csv").write_text("\n".join(rows) + "\n", newline="\n")
    return paths


def main(arguments: list[str] | None = None) -> None:
    """The command; see ``--help``."""
    parser = argparse.ArgumentParser(prog="synthetic_shop", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weeks", type=int, default=117)
    for field in ("customers", "products", "seed", "first_week", "schema_version"):
        default = getattr(ShopConfig, field)
        parser.add_argument(f"--{field.replace('_', '-')}", type=type(default), default=default)
    parser.add_argument("--gzip", action="store_true", help="write .csv.gz")
    parser.add_argument("--extra-weeks", type=int, default=4, help="weeks of time.csv beyond the last file")
    parser.add_argument("--truth", type=Path, help="Parquet file for the true cycles")
    options = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder, weeks, compress, extra_weeks, truth = (
        options.pop(name) for name in ("folder", "weeks", "gzip", "extra_weeks", "truth")
    )
    try:
        config = ShopConfig(**options)
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is no folder")
        if truth and truth.resolve().parent == folder.resolve():
            raise ValueError(f"--truth {truth} must not lie in the shop's folder")
        if truth and (truth.is_dir() or not truth.parent.is_dir()):
            raise ValueError(f"--truth {truth} must be a file in a folder that is there")
        if weeks < 1 or extra_weeks < 0:
            raise ValueError("--weeks must be at least 1 and --extra-weeks at least 0")
    except ValueError as error:
        parser.error(str(error))
    write_shop(folder, config, weeks, compress=compress, extra_weeks=extra_weeks)
    if truth:
        pyarrow.parquet.write_table(true_cycles(config), truth)


if __name__ == "__main__":
    main()
