"""Fits the network to simulated worlds, scores it on held-out worlds, and writes it with its model card.

The number of steps is fixed by the settings, never by the clock, and every random number derives from the seed and the
step: the same command gives the same model up to floating-point rounding, resumed or not.
"""

import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from pipeline import bands
from pipeline.atomic import write_text
from pipeline.errors import InputError
from pipeline.looks.card import ModelCard, Training, Value
from pipeline.looks.network import Network, NetworkSpec, interpolated, receptive_radius_px, without_batch_norm
from pipeline.looks.weights import has_bf16, load_model, save_model
from pipeline.progress import Progress
from pipeline.resources import CHECKOUT
from pipeline.training.average import averaged, network_of
from pipeline.training.backgrounds import read_backgrounds
from pipeline.training.chips import (
    STYLES,
    TRAINING_STYLES,
    Chips,
    ChipSettings,
    augmented,
    pooled,
    replace_unit,
    stream,
)
from pipeline.training.loss import loss
from pipeline.training.mining import Mining
from pipeline.training.scaling import scaled, scaling_looks
from pipeline.training.score import VALIDATION_SEED, half_precision, predictions, scores_of, validation_looks

CURVE = "curve.csv"
"""File of the loss by step, next to the weights."""
STEPS_PER_MINUTE = 200
"""Converts `minutes` to steps; near the rate of two cores, so that a requested minute takes about a minute."""
THREADS = 2
"""Torch threads in training; fixed, because the rounding of sums depends on it."""
BASE_RATE = 6e-4
"""Highest learning rate when training starts from a base model."""
BASE_INTERPOLATION = 0.5
"""Weight interpolation of the kept network between base (0) and fitted network (1)."""
HIDDEN_BAND_STD = 1e9
"""Standard deviation assigned to a band that is hidden from the network."""
LIMITATION_NOTE = "No image of a real leach pond was available; every score is on simulated worlds."


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Settings of training."""

    steps: int
    """Optimiser steps."""
    seed: int = 0
    """Seed of all random numbers."""
    workers: int = 1
    """Processes that make chips; 0: the main process. Does not change the model."""
    batch: int = 16
    """Chips per step."""
    rate: float = 3e-3
    """Highest learning rate, reached after a twentieth of the steps."""
    base: str = ""
    """Model whose weights training starts from, at `BASE_RATE`; empty: random weights."""
    decay: float = 0.01
    """Weight decay of AdamW."""
    average: float = 0.997
    """Decay per step of the running average of the weights; the average is the model that is kept."""
    steps_per_unit: int = 6
    """Steps after which a new unit of chips replaces the oldest in the pool."""
    pool_units: int = 40
    """Units in the pool from which chips are drawn."""
    checkpoint_steps: int = 500
    """Steps between checkpoints."""
    curve_steps: int = 100
    """Steps whose mean loss is one entry of the curve."""
    validation_worlds: int = 8
    """Number of held-out worlds."""
    validation_px: int = 384
    """Side of the held-out worlds, pixels; a multiple of 16."""
    bands: tuple[str, ...] = bands.NAMES
    """Bands that the network is given; the others are hidden from it."""
    network: NetworkSpec = field(default_factory=lambda: NetworkSpec(widths=(48, 64, 96)))
    """Architecture of the network."""
    chips: ChipSettings = field(default_factory=ChipSettings)
    """How chips are made from worlds."""


@dataclass(eq=False, slots=True)
class _State:
    """Everything that changes between steps, and the normalisation."""

    net: Network
    """Network that is fitted."""
    mean: AveragedModel
    """Running average of the weights of `net`; this network is kept."""
    optimiser: torch.optim.AdamW
    """Optimiser with its moments."""
    mean_reflectance: tuple[float, ...]
    """Per band; subtracted from the input."""
    std_reflectance: tuple[float, ...]
    """Per band; divides the input, which leaves practically 0 where it is `HIDDEN_BAND_STD`."""
    step: int
    """Steps done."""
    commit: str
    """Commit of the code when training began or was last resumed."""
    curve: list[tuple[int, float]]
    """Steps done, and the mean loss since the previous entry."""
    mining: Mining
    """Recent false pond fraction by kind of chip."""


def train(out: Path, settings: FitSettings, progress: Progress) -> None:
    """Train a model and write it to the folder `out`; resumes from a checkpoint of the same command beside it.

    Raises `InputError`.
    """
    if settings.steps < 1:
        raise InputError(f"training takes at least one step, not {settings.steps}")
    if settings.chips.backgrounds:
        read_backgrounds(Path(settings.chips.backgrounds))  # reports errors in them before any work is done
    torch.set_num_threads(THREADS)
    fit(out, settings, progress)


def fit(out: Path, settings: FitSettings, progress: Progress) -> ModelCard:
    """Train, score, write the model and its loss curve to `out`, and return its model card."""
    checkpoint = out.with_name(f".{out.name}.checkpoint")
    kept = _resumed(checkpoint, settings) if checkpoint.is_file() else None
    first = kept.step // settings.steps_per_unit if kept else 0
    units = _units(settings, first)
    with progress.stage("First chips", settings.pool_units, unit="worlds") as done:
        pool = pooled([unit for unit in islice(units, settings.pool_units) if done(1) is None], first)
    state = kept or _fresh(settings, pool)
    _run(state, settings, pool, units, checkpoint, progress)
    progress.note("Scoring on held-out worlds ...")
    card = _finished(out, state, settings)
    write_text(out / CURVE, "step,loss\n" + "".join(f"{step},{value}\n" for step, value in state.curve))
    checkpoint.unlink(missing_ok=True)
    return card


def _units(settings: FitSettings, first: int) -> Iterator[Chips]:
    """Units from `first` to the end of the training."""
    end = settings.pool_units + settings.steps // settings.steps_per_unit
    return stream(settings.seed, settings.chips, first, end, settings.workers)


def _fresh(settings: FitSettings, chips: Chips) -> _State:
    """Initial state, normalised by median and standard deviation of the first chips, or as the base model is."""
    torch.manual_seed(settings.seed)
    net = _network(settings)
    if settings.base:
        base = load_model(settings.base, precision="fp32")
        net.load_state_dict(base.net.state_dict())
        return _initial_state(settings, net, base.card.mean, base.card.std)
    values = chips.reflectance.astype(np.float32).transpose(1, 0, 2, 3).reshape(len(bands.NAMES), -1)
    middles = tuple(round(float(v), 4) for v in np.median(values, axis=1))
    spreads = tuple(
        round(max(float(spread), 0.01), 4) if name in settings.bands else HIDDEN_BAND_STD
        for name, spread in zip(bands.NAMES, values.clip(0, 0.6).std(axis=1), strict=True)
    )
    return _initial_state(settings, net, middles, spreads)


def _initial_state(
    settings: FitSettings, net: Network, middles: tuple[float, ...], spreads: tuple[float, ...]
) -> _State:
    """State with no step done yet."""
    return _State(
        net=net,
        mean=averaged(net, settings.average),
        optimiser=_optimiser(net, settings),
        mean_reflectance=middles,
        std_reflectance=spreads,
        step=0,
        commit=commit_of_code(),
        curve=[],
        mining=Mining.fresh(),
    )


def fit_device() -> torch.device:
    """Device on which the network is fitted: a GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _network(settings: FitSettings) -> Network:
    """Network to fit, on `fit_device`; initialised on the CPU, so that a seed means the same."""
    net = Network(settings.network, norm=not settings.base)  # saved models have no batch normalisation
    return net.to(fit_device()).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _optimiser(net: Network, settings: FitSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(net.parameters(), lr=_rate(settings), weight_decay=settings.decay)


def _rate(settings: FitSettings) -> float:
    return BASE_RATE if settings.base else settings.rate


def _run(
    state: _State, settings: FitSettings, pool: Chips, units: Iterator[Chips], checkpoint: Path, progress: Progress
) -> None:
    """Do all remaining steps."""
    losses: list[float] = []
    state.net.train()
    with progress.stage("Training", settings.steps - state.step, unit="steps") as done:
        while state.step < settings.steps:
            rng = np.random.default_rng([settings.seed, state.step, 2])
            losses.append(_step(state, settings, pool, rng))
            state.step += 1
            if state.step % settings.steps_per_unit == 0:
                replace_unit(pool, state.step // settings.steps_per_unit - 1, next(units))
            if state.step % settings.curve_steps == 0:
                state.curve.append((state.step, round(float(np.mean(losses)), 5)))
                losses.clear()
            if state.step % settings.checkpoint_steps == 0:
                _write_checkpoint(checkpoint, state, settings)
            done(1)


def _step(state: _State, settings: FitSettings, chips: Chips, rng: np.random.Generator) -> float:
    """Do one optimiser step and return the loss."""
    device = fit_device()
    chosen = state.mining.sample(chips.kind, settings.batch, rng)
    reflectance, pond, ground, clear = augmented(chips, chosen, rng)
    mean = np.asarray(state.mean_reflectance, np.float32)[:, None, None]
    std = np.asarray(state.std_reflectance, np.float32)[:, None, None]
    x = torch.from_numpy(np.nan_to_num((reflectance - mean) / std)).to(device, memory_format=torch.channels_last)
    for group in state.optimiser.param_groups:
        group["lr"] = _rate(settings) * _schedule(state.step / settings.steps)
    # Where the processor supports bfloat16, it is three times as fast here and does not harm training.
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        logits = state.net(x)
    value = loss(logits.float(), *(torch.from_numpy(plane).to(device) for plane in (pond, ground, clear)))
    state.optimiser.zero_grad(set_to_none=True)
    value.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), 5.0)
    state.optimiser.step()
    state.mean.update_parameters(state.net)
    predicted = torch.sigmoid(logits[:, 0].detach().float()).cpu().numpy()
    state.mining.update(chips.kind[chosen], predicted, pond, clear)
    return float(value.detach())


def _schedule(done: float) -> float:
    """Share of the highest learning rate after a share of the steps: linear warm-up, then cosine decay."""
    warm = 0.05
    up, down = (done + 0.001) / warm, 0.5 + 0.5 * math.cos(math.pi * (done - warm) / (1 - warm))
    return min(up, 1.0) if done < warm else down


def _write_checkpoint(path: Path, state: _State, settings: FitSettings) -> None:
    """Write a checkpoint atomically."""
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "settings": _signature(settings),
            "net": state.net.state_dict(),
            "mean": state.mean.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "mean_reflectance": list(state.mean_reflectance),
            "std_reflectance": list(state.std_reflectance),
            "step": state.step,
            "curve": [list(point) for point in state.curve],
            "mining": state.mining.false.tolist(),
        },
        part,
    )
    part.replace(path)


def _resumed(path: Path, settings: FitSettings) -> _State:
    """State from a checkpoint; raises `InputError` if it is from training with other settings."""
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if kept["settings"] != _signature(settings):
        raise InputError(f"{path}: the checkpoint has other settings; delete it to start again")
    net = _network(settings)
    mean = averaged(net, settings.average)
    net.load_state_dict(kept["net"])
    mean.load_state_dict(kept["mean"])
    optimiser = _optimiser(net, settings)
    optimiser.load_state_dict(kept["optimiser"])
    return _State(
        net,
        mean,
        optimiser,
        tuple(kept["mean_reflectance"]),
        tuple(kept["std_reflectance"]),
        kept["step"],
        commit_of_code(),
        [(int(step), float(value)) for step, value in kept["curve"]],
        Mining(np.array(kept["mining"])),
    )


def _signature(settings: FitSettings) -> str:
    """Settings that must be equal to resume from a checkpoint; `workers` and `checkpoint_steps` do not matter."""
    plain = asdict(replace(settings, workers=0, checkpoint_steps=0))
    return json.dumps(plain | {"network": settings.network.model_dump(mode="json")}, sort_keys=True)


def _finished(out: Path, state: _State, settings: FitSettings) -> ModelCard:
    """Fold batch normalisation, scale, score, and write the model; returns its model card."""
    card = _card(out.name, state, settings)
    on = scaling_looks(settings.seed, settings.validation_worlds * 2, settings.validation_px)
    net = without_batch_norm(network_of(state.mean).eval())
    if settings.base:
        net = interpolated(load_model(settings.base, precision="fp32").net, net, BASE_INTERPOLATION)
    net = scaled(net, card, on)
    looks = validation_looks(settings.validation_worlds, settings.validation_px)
    full = predictions(net, card, looks, "fp32")
    last = VALIDATION_SEED + settings.validation_worlds - 1
    name = f"simulated worlds, {' and '.join(STYLES)} styles, seeds {VALIDATION_SEED}..{last}"
    scores: dict[str, Value] = {"set": name, **asdict(scores_of(full, looks))}
    bf16 = False
    if has_bf16(torch.device("cpu")):
        bf16, apart = half_precision(full, predictions(net, card, looks, "bf16"), looks)
        scores |= apart
    return save_model(out, net, card.model_copy(update={"scores": scores, "bf16": bf16}))


def _card(name: str, state: _State, settings: FitSettings) -> ModelCard:
    """Model card before scoring."""
    minutes, chips = settings.steps / STEPS_PER_MINUTE, settings.chips
    words = f"leachwatch train --out models/{name} --minutes {minutes:g} --seed {settings.seed}"
    if settings.base:
        words += f" --base {settings.base}"
    if chips.backgrounds:
        words += f" --backgrounds {chips.backgrounds}"
    if chips.styles != TRAINING_STYLES:
        words += f" --styles {','.join(chips.styles)}"
    if settings.bands != bands.NAMES:
        words += f" --bands {','.join(settings.bands)}"
    styles = ", ".join(sorted(set(chips.styles)))
    begun = (
        f"; began with the weights of {settings.base}, weight interpolation {BASE_INTERPOLATION:.0%}"
        if settings.base
        else ""
    )
    ground = (
        f"{chips.real:.0%} of the chips on real ground in {chips.backgrounds}"
        if chips.backgrounds
        else "no real ground"
    )
    return ModelCard(
        name=name,
        bands=bands.NAMES,
        mean=state.mean_reflectance,
        std=state.std_reflectance,
        network=settings.network,
        receptive_radius_px=receptive_radius_px(settings.network),
        bf16=False,
        sha256="0" * 64,
        training=Training(
            seed=settings.seed,
            command=words,
            worlds=f"simulated worlds, styles {styles}, made as needed from the seed; {ground}{begun}",
            steps=settings.steps,
            commit=state.commit,
        ),
        scores={"set": "none yet"},
        notes=LIMITATION_NOTE,
    )


def commit_of_code() -> str:
    """Commit of the code, with `+` if files differ from it; `unknown` outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    answers = [
        subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [git, "-C", str(CHECKOUT), *words], capture_output=True, text=True, check=False
        )
        for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"])
    ]
    if answers[0].returncode:
        return "unknown"
    return answers[0].stdout.strip() + ("+" if answers[1].stdout.strip() else "")
