"""Trained models: a folder with `weights.safetensors` and a card, `model.toml`, that describes them.

Only safetensors are loaded (numbers, no code), and only if their SHA-256 matches the card.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes

from pipeline import resources
from pipeline.atomic import write_bytes
from pipeline.errors import InputError
from pipeline.looks.card import CARD, ModelCard, read_card, write_card
from pipeline.looks.network import Network, to_bf16

WEIGHTS = "weights.safetensors"
"""Name of the file in a model's folder."""

Resolved = Literal["fp32", "bf16"]


@dataclass(frozen=True, eq=False, slots=True)
class Model:
    """A network ready for inference."""

    net: Network
    """Evaluation mode, channels last, on `device`, in `precision`."""
    card: ModelCard
    """Its card."""
    device: torch.device
    """Where it runs."""
    precision: Resolved
    """Precision of inference; bf16 is for all layers but the last."""


def load_model(name_or_path: str, device: str = "cpu", precision: str = "auto") -> Model:
    """A model by name (a folder in `models/`, the user's own first) or by the path of its folder.

    `auto`: CUDA and bfloat16 where the hardware supports them and the card allows it. Raises `InputError`.
    """
    folder = model_folder(name_or_path)
    card = read_card(folder / CARD)
    net = _network_of(folder / WEIGHTS, card)
    chosen = _device_of(device)
    resolved = _precision_of(precision, card, chosen)
    net = to_bf16(net.to(chosen)) if resolved == "bf16" else net.to(chosen)
    return Model(net.to(memory_format=torch.channels_last).eval(), card, chosen, resolved)  # type: ignore[call-overload]


def save_model(folder: Path, net: Network, card: ModelCard) -> ModelCard:
    """Write weights, then the card with their SHA-256, each atomically; returns the card.

    `net` must be without batch normalisation (`network.without_batch_norm`). Raises as `atomic.write_bytes`.
    """
    data = tensor_bytes({key: value.detach().float().contiguous() for key, value in net.state_dict().items()})
    card = card.model_copy(update={"sha256": hashlib.sha256(data).hexdigest()})
    write_bytes(folder / WEIGHTS, data)
    write_card(folder / CARD, card)
    return card


def model_folder(name_or_path: str) -> Path:
    """The folder of a model: one of the user's own or of the shipped ones by name, or a path; raises `InputError`."""
    candidates = [*(folder / name_or_path for folder in resources.folders("models")), Path(name_or_path)]
    for folder in candidates:
        if (folder / CARD).is_file():
            return folder
    known = resources.names("models", f"*/{CARD}")
    raise InputError(f"no model {name_or_path!r}: neither a folder with a {CARD} nor one of {', '.join(known)}")


def _network_of(path: Path, card: ModelCard) -> Network:
    """The network of a card with the weights in a file; raises `InputError`."""
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
    """The device for a setting; raises `InputError`."""
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be auto, cpu or cuda, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device cuda: there is no CUDA device here; use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether the processor supports bfloat16 natively; emulation would be slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


def _precision_of(precision: str, card: ModelCard, device: torch.device) -> Resolved:
    """The precision for a setting; raises `InputError`."""
    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"precision must be auto, fp32 or bf16, not {precision!r}")
    if precision == "bf16" and not card.bf16:
        raise InputError(f"precision bf16: not allowed by the card of model {card.name!r}")
    if precision == "bf16" and not has_bf16(device):
        raise InputError(f"precision bf16: this {device.type} does not have it; use auto or fp32")
    return "bf16" if precision != "fp32" and card.bf16 and has_bf16(device) else "fp32"
