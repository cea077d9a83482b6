"""Fitting the network to simulated worlds, scoring it on worlds it never saw, and writing it with its card.

The number of steps is fixed by the settings, never by the clock, and every random number comes from the seed
and the step: the same command makes the same model up to the rounding of the processor, resumed or not.
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

from pipeline import bands
from pipeline.atomic import write_text
from pipeline.errors import InputError
from pipeline.looks.card import ModelCard, Training, Value
from pipeline.looks.network import Network, NetworkSpec, interpolated, receptive_radius_px, without_batch_norm
from pipeline.looks.weights import has_bf16, load_model, save_model
from pipeline.progress import Progress
from pipeline.resources import CHECKOUT
from pipeline.training.backgrounds import read_backgrounds
from pipeline.training.chips import SHOWN, STYLES, Chips, ChipSettings, augmented, pooled, renew, stream
from pipeline.training.loss import loss
from pipeline.training.mining import Mining
from pipeline.training.scaling import scaled, scaling_looks
from pipeline.training.score import VALIDATION_SEED, half_precision, predictions, scores_of, validation_looks

CURVE = "curve.csv"
"""The loss by step, beside the weights."""
STEPS_PER_MINUTE = 200
"""What `minutes` are turned into; near the rate of two cores, so that a minute asked is about one waited."""
THREADS = 2
"""Of torch in training; fixed, because the rounding of sums depends on it."""
BASE_RATE = 6e-4
"""Highest learning rate for a network that has learned already."""
BASE_SHARE = 0.5
"""So far from the weights of a base to those that were fitted the network is taken that is kept."""
BLIND = 1e9
"""Spread that a band is said to have which the network is not to see."""
HONEST = "No image of a real leach pond was available; every score is on simulated worlds."


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How to train."""

    steps: int
    """Optimiser steps."""
    seed: int = 0
    """Of everything drawn at random."""
    workers: int = 1
    """Processes that make chips; 0: this one. Does not change the model."""
    batch: int = 16
    """Chips per step."""
    rate: float = 3e-3
    """Highest learning rate, reached after a twentieth of the steps."""
    base: str = ""
    """A model whose weights training begins with, at `BASE_RATE`; empty: with random ones."""
    decay: float = 0.01
    """AdamW's weight decay."""
    average: float = 0.997
    """Per step, of the running average of the weights; the average is what is kept."""
    steps_per_unit: int = 6
    """One new unit of chips joins the pool per so many steps, and the oldest leaves."""
    pool_units: int = 40
    """Units to draw chips from."""
    checkpoint_steps: int = 500
    """A checkpoint is written each so many steps."""
    curve_steps: int = 100
    """The mean loss of so many steps is an entry of the curve."""
    validation_worlds: int = 8
    """Held-out worlds."""
    validation_px: int = 384
    """Their side, pixels; a multiple of 16."""
    bands: tuple[str, ...] = bands.NAMES
    """Those the network is shown; it is blind to the others."""
    network: NetworkSpec = field(default_factory=lambda: NetworkSpec(widths=(48, 64, 96)))
    """Shape of the network."""
    chips: ChipSettings = field(default_factory=ChipSettings)
    """How worlds become chips."""


@dataclass(eq=False, slots=True)
class _State:
    """All that changes from step to step, and the normalisation."""

    net: Network
    """The one that is fitted."""
    mean: Network
    """Running average of its weights: the one that is kept."""
    optimiser: torch.optim.AdamW
    """With its moments."""
    mean_reflectance: tuple[float, ...]
    """Per band; subtracted from the input."""
    std_reflectance: tuple[float, ...]
    """Per band; the input is divided by it, which leaves nothing where it is `BLIND`."""
    step: int
    """Steps done."""
    commit: str
    """Of the code when training began or was last taken up."""
    curve: list[tuple[int, float]]
    """Steps done, and the mean loss since the entry before."""
    mining: Mining
    """What has been hard of late."""


def train(out: Path, settings: FitSettings, progress: Progress) -> None:
    """Train and write a model to the folder `out`; goes on from a checkpoint of the same command beside it.

    Raises `InputError`.
    """
    if settings.steps < 1:
        raise InputError(f"training takes at least one step, not {settings.steps}")
    if settings.chips.backgrounds:
        read_backgrounds(Path(settings.chips.backgrounds))  # what is wrong with them is told before any work is done
    torch.set_num_threads(THREADS)
    fit(out, settings, progress)


def fit(out: Path, settings: FitSettings, progress: Progress) -> ModelCard:
    """Train, score, write the model and the curve of its loss to `out`, and return its card."""
    checkpoint = out.with_name(f".{out.name}.checkpoint")
    kept = _resumed(checkpoint, settings) if checkpoint.is_file() else None
    first = kept.step // settings.steps_per_unit if kept else 0
    units = _units(settings, first)
    with progress.stage("First chips", settings.pool_units, unit="worlds") as done:
        pool = pooled([unit for unit in islice(units, settings.pool_units) if done(1) is None], first)
    state = kept or _fresh(settings, pool)
    _run(state, settings, pool, units, checkpoint, progress)
    progress.note("Scoring on worlds that were not trained on ...")
    card = _finished(out, state, settings)
    write_text(out / CURVE, "step,loss\n" + "".join(f"{step},{value}\n" for step, value in state.curve))
    checkpoint.unlink(missing_ok=True)
    return card


def _units(settings: FitSettings, first: int) -> Iterator[Chips]:
    """The units from `first` on that the whole training takes."""
    end = settings.pool_units + settings.steps // settings.steps_per_unit
    return stream(settings.seed, settings.chips, first, end, settings.workers)


def _fresh(settings: FitSettings, chips: Chips) -> _State:
    """The state before the first step, normalised by the mean and spread of the first chips."""
    torch.manual_seed(settings.seed)
    net, mean = _networks(settings)
    if settings.base:
        base = load_model(settings.base, precision="fp32")
        net.load_state_dict(base.net.state_dict())
        return _begun(settings, net, mean, base.card.mean, base.card.std)
    values = chips.reflectance.astype(np.float32).transpose(1, 0, 2, 3).reshape(len(bands.NAMES), -1)
    middles = tuple(round(float(v), 4) for v in np.median(values, axis=1))
    spreads = tuple(
        round(max(float(spread), 0.01), 4) if name in settings.bands else BLIND
        for name, spread in zip(bands.NAMES, values.clip(0, 0.6).std(axis=1), strict=True)
    )
    return _begun(settings, net, mean, middles, spreads)


def _begun(
    settings: FitSettings, net: Network, mean: Network, middles: tuple[float, ...], spreads: tuple[float, ...]
) -> _State:
    """No step done yet."""
    mean.load_state_dict(net.state_dict())
    return _State(
        net=net,
        mean=mean,
        optimiser=_optimiser(net, settings),
        mean_reflectance=middles,
        std_reflectance=spreads,
        step=0,
        commit=commit_of_code(),
        curve=[],
        mining=Mining.fresh(),
    )


def fit_device() -> torch.device:
    """Where the network is fitted: on a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _networks(settings: FitSettings) -> tuple[Network, Network]:
    """The network to fit and the one that averages it, on `fit_device`; drawn on the CPU, so that a seed means the same."""
    norm = not settings.base  # what was learned is kept without its normalisation
    device = fit_device()
    net = Network(settings.network, norm=norm).to(device)
    mean = Network(settings.network, norm=norm).to(device)
    return net.to(memory_format=torch.channels_last), mean  # type: ignore[call-overload]


def _optimiser(net: Network, settings: FitSettings) -> torch.optim.AdamW:
    return torch.optim.AdamW(net.parameters(), lr=_rate(settings), weight_decay=settings.decay)


def _rate(settings: FitSettings) -> float:
    return BASE_RATE if settings.base else settings.rate


def _run(
    state: _State, settings: FitSettings, pool: Chips, units: Iterator[Chips], checkpoint: Path, progress: Progress
) -> None:
    """All steps that are left."""
    losses: list[float] = []
    state.net.train()
    with progress.stage("Training", settings.steps - state.step, unit="steps") as done:
        while state.step < settings.steps:
            rng = np.random.default_rng([settings.seed, state.step, 2])
            losses.append(_step(state, settings, pool, rng))
            state.step += 1
            if state.step % settings.steps_per_unit == 0:
                renew(pool, state.step // settings.steps_per_unit - 1, next(units))
            if state.step % settings.curve_steps == 0:
                state.curve.append((state.step, round(float(np.mean(losses)), 5)))
                losses.clear()
            if state.step % settings.checkpoint_steps == 0:
                _keep(checkpoint, state, settings)
            done(1)


def _step(state: _State, settings: FitSettings, chips: Chips, rng: np.random.Generator) -> float:
    """One step of the optimiser; returns the loss."""
    device = fit_device()
    chosen = state.mining.drawn(chips.kind, settings.batch, rng)
    reflectance, pond, ground, clear = augmented(chips, chosen, rng)
    mean = np.asarray(state.mean_reflectance, np.float32)[:, None, None]
    std = np.asarray(state.std_reflectance, np.float32)[:, None, None]
    x = torch.from_numpy(np.nan_to_num((reflectance - mean) / std)).to(device, memory_format=torch.channels_last)
    for group in state.optimiser.param_groups:
        group["lr"] = _rate(settings) * _schedule(state.step / settings.steps)
    # bfloat16 is three times as fast here where the processor has it, and hurts nothing in training.
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        logits = state.net(x)
    value = loss(logits.float(), *(torch.from_numpy(plane).to(device) for plane in (pond, ground, clear)))
    state.optimiser.zero_grad(set_to_none=True)
    value.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.net.parameters(), 5.0)
    state.optimiser.step()
    _average(state, min(settings.average, (1 + state.step) / (10 + state.step)))
    told = torch.sigmoid(logits[:, 0].detach().float()).cpu().numpy()
    state.mining.learn(chips.kind[chosen], told, pond, clear)
    return float(value.detach())


def _schedule(done: float) -> float:
    """Share of the highest learning rate after a share of the steps: up in a line, down by a cosine."""
    warm = 0.05
    up, down = (done + 0.001) / warm, 0.5 + 0.5 * math.cos(math.pi * (done - warm) / (1 - warm))
    return min(up, 1.0) if done < warm else down


def _average(state: _State, keep: float) -> None:
    """Move the averaged network, batch statistics too, towards the present one."""
    pairs = zip(state.mean.state_dict().values(), state.net.state_dict().values(), strict=True)
    moving = [(kept, new) for kept, new in pairs if kept.is_floating_point()]  # not the count of batches
    with torch.no_grad():
        torch._foreach_lerp_([kept for kept, _ in moving], [new for _, new in moving], 1 - keep)


def _keep(path: Path, state: _State, settings: FitSettings) -> None:
    """Write a checkpoint, atomically."""
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
    """The state in a checkpoint. Raises `InputError` where it is another training's."""
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if kept["settings"] != _signature(settings):
        raise InputError(f"{path}: the checkpoint of a training with other settings; delete it to begin anew")
    net, mean = _networks(settings)
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
    """What must be equal for a checkpoint to be gone on from; who makes the chips does not matter."""
    plain = asdict(replace(settings, workers=0, checkpoint_steps=0))
    return json.dumps(plain | {"network": settings.network.model_dump(mode="json")}, sort_keys=True)


def _finished(out: Path, state: _State, settings: FitSettings) -> ModelCard:
    """Fold, score, and write the model; returns its card."""
    card = _card(out.name, state, settings)
    on = scaling_looks(settings.seed, settings.validation_worlds * 2, settings.validation_px)
    net = without_batch_norm(state.mean.eval())
    if settings.base:
        net = interpolated(load_model(settings.base, precision="fp32").net, net, BASE_SHARE)
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
    """The card before scoring."""
    minutes, chips = settings.steps / STEPS_PER_MINUTE, settings.chips
    words = f"leachwatch train --out models/{name} --minutes {minutes:g} --seed {settings.seed}"
    if settings.base:
        words += f" --base {settings.base}"
    if chips.backgrounds:
        words += f" --backgrounds {chips.backgrounds}"
    if chips.styles != SHOWN:
        words += f" --styles {','.join(chips.styles)}"
    if settings.bands != bands.NAMES:
        words += f" --bands {','.join(settings.bands)}"
    styles = ", ".join(sorted(set(chips.styles)))
    begun = f"; began with the weights of {settings.base} and went {BASE_SHARE:.0%} of the way" if settings.base else ""
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
        notes=HONEST,
    )


def commit_of_code() -> str:
    """The commit of the code, with `+` where files differ from it; `unknown` outside of a checkout."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    said = [
        subprocess.run(  # noqa: S603 - fixed words, no shell
            [git, "-C", str(CHECKOUT), *words], capture_output=True, text=True, check=False
        )
        for words in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain"])
    ]
    if said[0].returncode:
        return "unknown"
    return said[0].stdout.strip() + ("+" if said[1].stdout.strip() else "")
