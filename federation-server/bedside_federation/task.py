"""The coordinator's task file: the same bytes that every participant agreed to."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path


class TaskError(ValueError):
    """A task file that does not say what it must."""


@dataclass(frozen=True)
class Head:
    """A linear head [classes, inputs + 1] over features [D] that are centred by a public mean; a projection makes `inputs` numbers of them, else they are D."""

    classes: int
    public_mean: tuple[float, ...]
    bias_input: float
    inputs: int


@dataclass(frozen=True)
class CentralTerms:
    """Noise of the server's own: deviation over the norm bound, and how many a noisy sum is divided by."""

    noise_multiplier: float
    cohort: int
    delta: float


@dataclass(frozen=True)
class Task:
    """The part of a task that the server needs; nodes check the rest."""

    file_hash: str
    base_model: str
    coordinates: int
    rounds: int
    clip_norm: float
    noise_multiplier: float
    update_norm_bound: float
    head: Head | None = None
    central: CentralTerms | None = None


def read_task(path: Path) -> Task:
    """Read a task file. Its hash is over the bytes, so that nobody has to agree on how numbers are written."""
    content = path.read_bytes()
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise TaskError(f"{path.name} is not JSON.") from error
    if not isinstance(fields, dict):
        raise TaskError(f"{path.name} must hold one JSON object.")

    def number(key: str, most: float, of: dict = fields) -> float:
        value = of.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 < value <= most:
            raise TaskError(f"{key} must be a number above 0, at most {most:g}; found {value!r}.")
        return float(value)

    def whole(key: str, most: int, of: dict = fields) -> int:
        value = number(key, most, of)
        if value != int(value):
            raise TaskError(f"{key} must be a whole number; found {value!r}.")
        return int(value)

    def part(key: str) -> dict | None:
        value = fields.get(key)
        if value is not None and not isinstance(value, dict):
            raise TaskError(f"{key} must be an object.")
        return value

    base_model = fields.get("baseModel")
    if not isinstance(base_model, str) or len(base_model) != 64 or set(base_model) - set("0123456789abcdef"):
        raise TaskError("baseModel must be 64 hexadecimal digits.")
    coordinates = whole("coordinates", 10_000_000)
    head, central = part("head"), part("centralNoise")
    return Task(
        file_hash=hashlib.sha256(content).hexdigest(),
        base_model=base_model,
        coordinates=coordinates,
        rounds=whole("rounds", 1000),
        clip_norm=number("clipNorm", 1e9),
        noise_multiplier=number("noiseMultiplier", 1e9),
        update_norm_bound=number("updateNormBound", 1e9),
        head=None if head is None else head_of(head, coordinates, number("biasInput", 10, head)),
        central=None if central is None else CentralTerms(number("noiseMultiplier", 1e5, central), whole("cohort", 10_000, central), number("delta", 1)),
    )


def head_of(head: dict, coordinates: int, bias_input: float) -> Head:
    mean = head.get("publicMean")
    if not isinstance(mean, list) or not mean or not all(type(value) in (int, float) and math.isfinite(value) for value in mean):
        raise TaskError("head.publicMean must be finite numbers.")
    projection = head.get("projection")
    inputs = len(mean) if projection is None else projection.get("dimension") if isinstance(projection, dict) else None
    if type(inputs) is not int or not 1 <= inputs <= len(mean):
        raise TaskError(f"head.projection must have a dimension of 1 to {len(mean)}.")
    if coordinates % (inputs + 1):
        raise TaskError("coordinates must be a multiple of the numbers that a head takes of a note and one.")
    return Head(coordinates // (inputs + 1), tuple(mean), bias_input, inputs)


def honest_norm_bound(clip_norm: float, noise_deviation: float, coordinates: int) -> float:
    """Norm that an honest noised update exceeds with probability below 2e-8.

    A vector of norm at most C plus N(0, sigma^2) in d coordinates: the norm is a 1-Lipschitz function of the noise, its mean is at most
    sqrt(C^2 + sigma^2 d), and it passes its mean by t with probability at most exp(-t^2 / (2 sigma^2)) (Gaussian concentration);
    t = 6 sigma gives 1.5e-8.
    """
    return math.sqrt(clip_norm**2 + noise_deviation**2 * coordinates) + 6 * noise_deviation
