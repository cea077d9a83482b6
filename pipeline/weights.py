"""Trained models: a folder with `weights.safetensors` and a card, `model.toml`, that says what they are.

Only safetensors are read (numbers, no code), and only if their SHA-256 is the card's.
"""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes

from pipeline import bands
from pipeline.atomic import write_bytes, write_text
from pipeline.errors import InputError
from pipeline.network import Network, NetworkSpec, halved, receptive_radius_px

ROOT = Path(__file__).parent.parent
"""The checkout: named models lie in its folder `models`."""
WEIGHTS = "weights.safetensors"
CARD = "model.toml"

Resolved = Literal["fp32", "bf16"]
Value = str | int | float | bool


class Training(BaseModel):
    """How to make these weights again."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seed: int
    """Of everything drawn at random."""
    command: str
    """As typed."""
    worlds: str
    """Which simulated worlds were shown."""
    steps: int = Field(ge=0)
    """Optimiser steps."""
    commit: str
    """Of the code; ends in `+` where files had been changed since."""


class ModelCard(BaseModel):
    """Everything about a model but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    """Name of the model; written into every product."""
    bands: tuple[str, ...] = Field(strict=False)
    """Names of the input bands, in order."""
    mean: tuple[float, ...] = Field(strict=False)
    """Per band, reflectance: subtracted from the input. With `std` the only normalisation there is."""
    std: tuple[float, ...] = Field(strict=False)
    """Per band, reflectance, above 0: the input is divided by it."""
    network: NetworkSpec
    """Shape of the network."""
    receptive_radius_px: int
    """How far from a pixel the input can matter, pixels."""
    bf16: bool
    """True: bfloat16 was measured to give the same answers, up to the difference stated in `scores`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the weights file."""
    training: Training
    """How to make the weights again."""
    scores: dict[str, Value]
    """What was measured; `set` says on what, and belongs to every figure."""
    calibration: dict[str, float] = Field(default_factory=dict)
    """Numbers that turn evidence into calibrated confidence; empty: not calibrated."""
    notes: str = ""
    """What a user of the figures must know."""

    @field_validator("bands")
    @classmethod
    def _bands_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names != bands.NAMES:
            raise ValueError(f"must be {' '.join(bands.NAMES)}, not {' '.join(names)}")
        return names

    @field_validator("scores")
    @classmethod
    def _scores_named(cls, scores: dict[str, Value]) -> dict[str, Value]:
        if not isinstance(scores.get("set"), str):
            raise ValueError("`set` must say what the scores were measured on")
        return scores

    @model_validator(mode="after")
    def _consistent(self) -> "ModelCard":
        if len(self.mean) != len(self.bands) or len(self.std) != len(self.bands):
            raise ValueError("mean and std need one number per band")
        if not all(0 < value < float("inf") for value in self.std):
            raise ValueError("std must be above 0")
        if self.receptive_radius_px != receptive_radius_px(self.network):
            raise ValueError(
                f"receptive_radius_px is {receptive_radius_px(self.network)}, not {self.receptive_radius_px}"
            )
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all that the answers for a pixel depend on: not of calibration, scores and notes."""
        parts = {"sha256", "bands", "mean", "std", "network"}
        return hashlib.sha256(self.model_dump_json(include=parts).encode()).hexdigest()

    @property
    def margin_px(self) -> int:
        """The receptive radius, rounded up to a multiple of 16: what to grow a window by, pixels."""
        return -(-self.receptive_radius_px // 16) * 16


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A network that is ready to be asked."""

    net: Network
    """Evaluation mode, channels last, on `device`, in `precision`."""
    card: ModelCard
    """What it is."""
    device: torch.device
    """Where it runs."""
    precision: Resolved
    """What it computes in; with bf16 all layers but the last."""


def load_model(name_or_path: str, device: str = "cpu", precision: str = "auto") -> Model:
    """A model by name (a folder in `models/`) or by the path of its folder.

    `auto`: CUDA and bfloat16 where there is a processor for them and the card allows it. Raises `InputError`.
    """
    folder = _folder_of(name_or_path)
    card = read_card(folder / CARD)
    net = _network_of(folder / WEIGHTS, card)
    chosen = _device_of(device)
    resolved = _precision_of(precision, card, chosen)
    net = halved(net.to(chosen)) if resolved == "bf16" else net.to(chosen)
    return Model(net.to(memory_format=torch.channels_last).eval(), card, chosen, resolved)  # type: ignore[call-overload]


def read_card(path: Path) -> ModelCard:
    """The card in a TOML file. Raises `InputError`."""
    try:
        return ModelCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: not TOML ({cause})") from cause
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from cause


def save_model(folder: Path, net: Network, card: ModelCard) -> ModelCard:
    """Write weights, then the card with their SHA-256; each file is whole or not there. Returns the card.

    `net` must be without batch normalisation (`network.folded`). Raises as `atomic.write_bytes`.
    """
    data = tensor_bytes({key: value.detach().float().contiguous() for key, value in net.state_dict().items()})
    card = card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    write_bytes(folder / WEIGHTS, data)
    write_card(folder / CARD, card)
    return card


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card as TOML, atomically."""
    plain: dict[str, Value | list[Value]] = {}
    tables: dict[str, dict[str, Value | list[Value]]] = {}
    for key, value in card.model_dump(mode="json").items():
        if isinstance(value, dict):
            tables[key] = value
        else:
            plain[key] = value
    lines = [
        "# The card of a trained model: what it is, how it was made, how well it does.",
        *_toml_lines(plain),
    ]
    for key, table in tables.items():
        lines += ["", f"[{key}]", *_toml_lines(table)]
    write_text(path, "\n".join(lines) + "\n")


def _toml_lines(table: dict[str, Value | list[Value]]) -> list[str]:
    """One line per key. JSON spells strings, finite numbers, booleans and lists of them as TOML does."""
    return [f"{key} = {json.dumps(value, ensure_ascii=False, allow_nan=False)}" for key, value in table.items()]


def _folder_of(name_or_path: str) -> Path:
    """The folder of a model; a name is looked up first. Raises `InputError`."""
    named = ROOT / "models" / name_or_path
    for folder in (named, Path(name_or_path)):
        if (folder / CARD).is_file():
            return folder
    known = sorted(path.parent.name for path in (ROOT / "models").glob(f"*/{CARD}"))
    raise InputError(f"no model {name_or_path!r}: neither a folder with a {CARD} nor one of {known}")


def _network_of(path: Path, card: ModelCard) -> Network:
    """The network of a card with the weights in a file. Raises `InputError`."""
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise InputError(f"{path}: not the weights that {CARD} describes (SHA-256 differs)")
    net = Network(card.network)
    try:
        net.load_state_dict(read_tensors(data))
    except SafetensorError as cause:
        raise InputError(f"{path}: not safetensors ({cause})") from cause
    except RuntimeError as cause:  # what torch raises for missing keys and wrong shapes
        raise InputError(f"{path}: the weights do not fit the network {card.network.widths}") from cause
    return net


def _device_of(device: str) -> torch.device:
    """The device meant. Raises `InputError`."""
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda: there is no CUDA device here; use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether the processor computes in bfloat16 itself; emulated it would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


def _precision_of(precision: str, card: ModelCard, device: torch.device) -> Resolved:
    """The precision meant. Raises `InputError`."""
    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"precision must be auto, fp32 or bf16, not {precision!r}")
    if precision == "bf16" and not card.bf16:
        raise InputError(f"precision bf16: not allowed by the card of model {card.name!r}")
    if precision == "bf16" and not has_bf16(device):
        raise InputError(f"precision bf16: this {device.type} does not have it; use auto or fp32")
    return "bf16" if precision != "fp32" and card.bf16 and has_bf16(device) else "fp32"
