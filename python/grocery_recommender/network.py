"""A small neural network beside the boosters: a smooth function of their features, wrong about other pairs than they.

It is scikit-learn's perceptron, fitted on standardized features and kept as JSON; a small shop's has no hidden layers,
which is logistic regression. Blended by log odds, booster and network tell purchases apart better than either.

References
----------
Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks (2010), the first weights.
Kingma, Ba: Adam: A Method for Stochastic Optimization (2015), the solver.
Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization (2018), the mean of later weights.
"""

from __future__ import annotations

import json
import math
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from grocery_recommender.classifier import Examples

# Of the features that the boosters learn from, the first: all of them gave no more.
FEATURES = 128
# Values further out say no more than that they are far out.
WIDEST = 5.0
# Of the pairs that were not bought, those that a network learns from; each stands for the others.
NEGATIVE_SHARE = 0.35
# Of so few examples all teach: a draw might leave nothing but purchases.
FEW_EXAMPLES = 1_000
# With fewer examples hidden layers learn by heart.
MINIMUM_EXAMPLES = 100_000
# Log odds are rounded to this, so that the order in which a machine adds does not show.
DECIMALS = 6


@dataclass(frozen=True)
class NetworkConfig:
    """What is fitted, and for how long.

    Parameters
    ----------
    hidden_layers
        Units of each hidden layer.
    steps, batch_rows, learning_rate
        Steps of Adam, examples in each, and their size.
    passes
        Times that an example is seen at most: those who see the same ones too often know nothing of others. The weights
        after the later half of them are averaged.
    l2_penalty
        Weight of the squared weights in the loss of a batch.
    seed
        Seed of the first weights and of the order of the examples.
    """

    # Beside those of the boosters, in the table of runs.
    objective: str = field(default="network", init=False)
    hidden_layers: tuple[int, ...] = (128, 64)
    steps: int = 2000
    batch_rows: int = 2048
    learning_rate: float = 0.0015
    passes: int = 13
    l2_penalty: float = 0.3
    seed: int = 20060410

    def taught_by(self, examples: int) -> NetworkConfig:
        """What so many examples can teach: where they are few, a sum of the features, with weights that stay small."""
        if examples >= MINIMUM_EXAMPLES:
            return self
        return replace(self, hidden_layers=(), l2_penalty=60.0)


def signed_logarithms(values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Logarithms of one more than each size, with its sign; NaN stays NaN."""
    logs = np.abs(values, out=out)
    return np.copysign(np.log1p(logs, out=logs), values, out=logs)


@dataclass(frozen=True)
class Standardizer:
    """Features on one scale: logarithms less their mean, over their standard deviation, and 0 where missing.

    Parameters
    ----------
    mean, scale
        Of the logarithms, shape ``(features,)``.
    indicators
        Positions of the features of which it is said whether they are missing.
    """

    mean: np.ndarray
    scale: np.ndarray
    indicators: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Standardizer:
        """Learnt from a sample, float32, shape ``(rows, features)``; NaN is missing."""
        logs = signed_logarithms(features)
        is_missing = np.isnan(logs)
        present = np.maximum((~is_missing).sum(axis=0), 1)
        mean = np.nansum(logs, axis=0, dtype=np.float64) / present
        scale = np.sqrt(np.nansum((logs - mean) ** 2, axis=0, dtype=np.float64) / present)
        # What does not vary in the sample keeps its own scale: any other value would be as far out as there is.
        scale = np.where(scale > 1e-6, scale, 1)
        # Features that are missing together, as all that look at one item are, say so once.
        patterns: dict[bytes, int] = {}
        for position in np.flatnonzero(is_missing.any(axis=0) & ~is_missing.all(axis=0)):
            patterns.setdefault(np.packbits(is_missing[:, position]).tobytes(), int(position))
        indicators = np.array(sorted(patterns.values()), dtype=np.int64)
        return cls(mean.astype(np.float32), scale.astype(np.float32), indicators)

    def inputs(self, features: np.ndarray) -> np.ndarray:
        """What a network reads of these and perhaps more features, float32, shape ``(rows, features + indicators)``."""
        count = len(self.mean)
        inputs = np.empty((len(features), count + len(self.indicators)), dtype=np.float32)
        standardized = signed_logarithms(features[:, :count], out=inputs[:, :count])
        inputs[:, count:] = np.isnan(standardized[:, self.indicators])
        standardized -= self.mean
        standardized /= self.scale
        np.clip(standardized, -WIDEST, WIDEST, out=standardized)
        np.copyto(standardized, 0, where=np.isnan(standardized))
        return inputs


# The weights and the intercepts of each layer.
Layers = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Network:
    """A fitted network, ready to score.

    Parameters
    ----------
    standardizer
        Of the first features that the boosters name.
    layers
        The weights and the intercepts of each layer.
    passes
        Times that the network has seen its examples.
    """

    standardizer: Standardizer
    layers: Layers
    passes: int

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """Log odds of a purchase, float64, shape ``(rows,)``."""
        activations = self.standardizer.inputs(features).astype(np.float64)
        # These products are so small that a second thread costs more than it gives.
        with threadpool_limits(1, "blas"):
            for position, (weights, bias) in enumerate(self.layers):
                if position:
                    np.maximum(activations, 0, out=activations)
                activations = activations @ weights.astype(np.float64)
                activations += bias
        return np.round(activations[:, 0], DECIMALS)

    def to_text(self) -> str:
        """Everything as JSON, which `from_text` reads to the last bit."""
        parts = {name: array.tolist() for name, array in asdict(self.standardizer).items()}
        layers = [(weights.tolist(), bias.tolist()) for weights, bias in self.layers]
        return json.dumps(parts | {"layers": layers, "passes": self.passes})

    @classmethod
    def from_text(cls, text: str) -> Network:
        """The network that was written as this text."""
        parts = json.loads(text)
        as_float32 = partial(np.array, dtype=np.float32)
        standardizer = Standardizer(
            as_float32(parts["mean"]), as_float32(parts["scale"]), np.array(parts["indicators"], dtype=np.int64)
        )
        layers = [(as_float32(weights), as_float32(bias)) for weights, bias in parts["layers"]]
        return cls(standardizer, layers, parts["passes"])


class Lessons:
    """Examples for a network, kept while they pass by on their way to the boosters.

    Parameters
    ----------
    sample
        Examples whose features set the scales, those to learn from most first.
    """

    def __init__(self, sample: Examples) -> None:
        self._standardizer = Standardizer.of(sample.features[:, :FEATURES])
        self._inputs: list[np.ndarray] = []
        self._was_bought: list[np.ndarray] = []
        self._weights: list[np.ndarray] = []

    def add(self, examples: Examples) -> None:
        """Keep all purchases and a share of the other pairs, with the weights that make up for it; all of very few."""
        share = NEGATIVE_SHARE if len(examples.weights) > FEW_EXAMPLES else 1.0
        draws = np.random.default_rng([NetworkConfig.seed, len(self._inputs)]).random(len(examples.weights))
        kept = examples.was_bought | (draws < share)
        was_bought = examples.was_bought[kept]
        self._inputs.append(self._standardizer.inputs(examples.features[kept]))
        self._was_bought.append(was_bought)
        self._weights.append(np.where(was_bought, 1, 1 / share) * examples.weights[kept])

    def fit(self, config: NetworkConfig) -> Network:
        """Fit the network; the same input gives the same network, whatever the threads."""
        inputs, was_bought, weights = map(_put_together, (self._inputs, self._was_bought, self._weights))
        fit = _fit if config.hidden_layers else _fit_sum
        with threadpool_limits(1, "blas"):
            return Network(self._standardizer, *fit(config, inputs, was_bought, weights))


def _put_together(parts: list[np.ndarray]) -> np.ndarray:
    """The rows of all parts, each of which is let go when it is copied: never are all held twice."""
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=parts[0].dtype)
    start = 0
    while parts:
        part = parts.pop(0)
        whole[start : start + len(part)] = part
        start += len(part)
    return whole


def _fit(config: NetworkConfig, inputs: np.ndarray, was_bought: np.ndarray, weights: np.ndarray) -> tuple[Layers, int]:
    passes = min(config.passes, math.ceil(config.steps * config.batch_rows / len(inputs)))
    perceptron = MLPClassifier(
        config.hidden_layers,
        alpha=config.l2_penalty,
        batch_size=min(config.batch_rows, len(inputs)),
        learning_rate_init=config.learning_rate,
        # A generator, as each pass has an order of its own.
        random_state=np.random.RandomState(config.seed),
    )
    # Single steps are noisy: the mean of the weights after each of the later passes is what they are noisy around.
    later = []
    for number in range(passes):
        perceptron.partial_fit(inputs, was_bought, weights, classes=(False, True))
        if number >= passes // 2:
            later.append(deepcopy(list(zip(perceptron.coefs_, perceptron.intercepts_, strict=True))))
    mean = partial(np.mean, axis=0)
    return [tuple(map(mean, zip(*layer, strict=True))) for layer in zip(*later, strict=True)], passes


def _fit_sum(
    config: NetworkConfig, inputs: np.ndarray, was_bought: np.ndarray, weights: np.ndarray
) -> tuple[Layers, int]:
    # The same loss, but for the penalty, which does not shrink here where weights are large; with nothing hidden it has
    # one minimum, which Newton's method finds whatever the seed.
    cost = config.batch_rows / (config.l2_penalty * weights.sum(dtype=np.float64))
    regression = LogisticRegression(C=cost, solver="newton-cholesky")
    regression.fit(inputs.astype(np.float64), was_bought, sample_weight=weights)
    layer = regression.coef_.T.astype(np.float32), regression.intercept_.astype(np.float32)
    return [layer], int(regression.n_iter_[0])
