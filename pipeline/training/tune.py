"""Fine-tunes a model on user-provided labels without loss of its earlier skill.

Two safeguards: half of every batch comes from simulated worlds, and weight interpolation (as in WiSE-FT, Wortsman et
al. 2022) moves from the old towards the new weights only as far as keeps the scores on held-out worlds. A fifth of the
labelled places is held out to measure the gain.
"""

from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from pipeline.errors import InputError
from pipeline.looks.card import ModelCard, Training, Value
from pipeline.looks.network import Network, interpolated
from pipeline.looks.weights import Model, has_bf16, save_model
from pipeline.progress import Progress
from pipeline.raster import Floats
from pipeline.training.chips import Chips, ChipSettings, augmented, concatenated, stream
from pipeline.training.fit import THREADS, commit_of_code
from pipeline.training.labels import Labelled
from pipeline.training.loss import loss
from pipeline.training.score import POND, VALIDATION_SEED, half_precision, iou, predictions, scores_of, validation_looks

HELD_OUT_SHARE = 0.2
"""Share of the labelled places held out of training, if there are at least `MIN_PLACES`."""
MIN_PLACES = 5
INTERPOLATIONS = (1.0, 0.75, 0.5, 0.25, 0.1)
"""Weight interpolations to try, 1 = new weights: the largest without forgetting is used."""
FORGETTING_TOLERANCE = 0.02
"""A larger fall of an IoU, or rise of false area, on validation worlds counts as forgetting."""


@dataclass(frozen=True, slots=True)
class TuneSettings:
    """Settings of fine-tuning."""

    steps: int
    """Optimiser steps."""
    seed: int = 1
    """Seed of all random numbers."""
    workers: int = 1
    """Processes that make simulated chips."""
    batch: int = 16
    """Chips per step, half of them labelled."""
    rate: float = 2e-4
    """Learning rate; a fifteenth of that of training."""
    units: int = 24
    """Units of simulated chips to draw from."""
    worlds: int = 8
    """Validation worlds on which forgetting is measured."""
    worlds_px: int = 384
    """Side of these worlds, pixels."""
    chips: ChipSettings = field(default_factory=ChipSettings)
    """How chips are made from worlds."""


@dataclass(frozen=True, slots=True)
class LabelScores:
    """Scores on labelled ground that was held out of training."""

    pond_iou: float
    """IoU of pixels with a pond fraction of at least `POND`; 1 where there is none."""
    ground_iou: float
    """IoU of pixels with a mine-ground probability of at least 0.5; 1 where there is none."""
    false_share: float
    """Share of pixels labelled as free of sites that are predicted as pond."""


def tune(
    out: Path, base: Model, labelled: Labelled, settings: TuneSettings, words: str, progress: Progress
) -> ModelCard:
    """Fine-tune `base`, write the new model to `out` and return its card; `words`: the command, for the card.

    Raises `InputError` when nothing can be learned from the labels without forgetting.
    """
    if settings.steps < 1:
        raise InputError(f"fine-tuning takes at least one step, not {settings.steps}")
    torch.set_num_threads(THREADS)
    shown, kept_back = _split(labelled, settings.seed)
    units = stream(settings.seed, settings.chips, 0, settings.units, settings.workers)
    with progress.stage("First chips", settings.units, unit="worlds") as done:
        replay = concatenated([unit for unit in islice(units, settings.units) if done(1) is None])
    old = _float32_copy(base.net)
    new = _tuned(old, base.card, shown, replay, settings, progress)
    progress.note("Measuring gain and forgetting ...")
    looks = validation_looks(settings.worlds, settings.worlds_px)
    before = scores_of(predictions(old, base.card, looks, "fp32"), looks)
    for share in INTERPOLATIONS:
        net = interpolated(old, new, share)
        predicted = predictions(net, base.card, looks, "fp32")
        after = scores_of(predicted, looks)
        drops = (before.pond_iou - after.pond_iou, before.ground_iou - after.ground_iou)
        if max(*drops, after.false_area_share - before.false_area_share) <= FORGETTING_TOLERANCE:
            break
    else:
        raise InputError(
            "the labels cannot be learned without forgetting the simulated worlds: check them, or train fewer steps"
        )
    last = VALIDATION_SEED + settings.worlds - 1
    scores: dict[str, Value] = {"set": f"simulated worlds, seeds {VALIDATION_SEED}..{last}", **asdict(after)}
    scores |= {f"before_{name}": value for name, value in asdict(before).items() if name != "looks"}
    scores |= _gained(old, net, base.card, kept_back)
    bf16 = False
    if has_bf16(torch.device("cpu")):
        bf16, apart = half_precision(predicted, predictions(net, base.card, looks, "bf16"), looks)
        scores |= apart
    return save_model(out, net, _card(out.name, base.card, labelled, settings, share, words, scores, bf16))


def _split(labelled: Labelled, seed: int) -> tuple[Chips, Chips | None]:
    """Chips to train on and chips of held-out places; the latter None when there are too few places."""
    places = np.unique(labelled.place)
    if len(places) < MIN_PLACES:
        return labelled.chips, None
    chosen = np.random.default_rng([seed, 3]).permutation(places)[: max(1, round(HELD_OUT_SHARE * len(places)))]
    back = np.isin(labelled.place, chosen)
    return _subset(labelled.chips, ~back), _subset(labelled.chips, back)


def _subset(chips: Chips, here: np.ndarray) -> Chips:
    return Chips(
        reflectance=chips.reflectance[here],
        pond_percent=chips.pond_percent[here],
        ground=chips.ground[here],
        clear=chips.clear[here],
        kind=chips.kind[here],
    )


def _float32_copy(net: Network) -> Network:
    """A copy of a network in float32 on the CPU."""
    copy = Network(net.spec)
    copy.load_state_dict({key: value.detach().float().cpu() for key, value in net.state_dict().items()})
    return copy


def _tuned(
    old: Network, card: ModelCard, shown: Chips, replay: Chips, settings: TuneSettings, progress: Progress
) -> Network:
    net = _float32_copy(old).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=0.0)
    half = settings.batch // 2
    with progress.stage("Fine-tuning", settings.steps, unit="steps") as done:
        for step in range(settings.steps):
            rng = np.random.default_rng([settings.seed, step, 4])
            parts = [augmented(chips, rng.integers(len(chips), size=half), rng) for chips in (shown, replay)]
            x, pond, ground, clear = (np.concatenate(planes) for planes in zip(*parts, strict=True))
            seen = np.isfinite(x).all(axis=1)
            tensor = torch.from_numpy(np.nan_to_num(_input(card, x)))
            value = loss(net(tensor), *(torch.from_numpy(plane) for plane in (pond, ground, clear * seen)))
            optimiser.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            done(1)
    return net.eval()


def _input(card: ModelCard, reflectance: Floats) -> Floats:
    """Reflectance (n, band, y, x) normalised for the network; 0, the mean, where it is missing."""
    mean, std = (np.asarray(numbers, np.float32)[:, None, None] for numbers in (card.mean, card.std))
    filled: Floats = np.nan_to_num((reflectance - mean) / std)
    return filled


def label_scores(net: Network, card: ModelCard, chips: Chips) -> LabelScores:
    """Scores on labelled ground, all chips together."""
    with torch.inference_mode():
        logits = [net(torch.from_numpy(_input(card, one[None].astype(np.float32))))[0] for one in chips.reflectance]
    predicted = torch.sigmoid(torch.stack(logits)).numpy()
    seen = chips.clear & np.isfinite(chips.reflectance).all(axis=1)
    pond, ground = predicted[:, 0][seen] >= POND, predicted[:, 1][seen] >= 0.5
    true_pond, true_ground = chips.pond_percent[seen] >= 100 * POND, chips.ground[seen]
    nothing = ~true_ground
    return LabelScores(
        pond_iou=iou(pond, true_pond),
        ground_iou=iou(ground, true_ground),
        false_share=float(pond[nothing].mean()) if nothing.any() else 0.0,
    )


def _card(
    name: str,
    base: ModelCard,
    labelled: Labelled,
    settings: TuneSettings,
    share: float,
    words: str,
    scores: dict[str, Value],
    bf16: bool,
) -> ModelCard:
    """Model card of a tuned model; its calibration must be fitted again."""
    kind = f"{len(labelled.chips)} chips of labelled ground and as many simulated; weight interpolation {share:.0%}"
    return base.model_copy(
        update={
            "name": name,
            "bf16": bf16,
            "scores": scores,
            "calibration": None,
            "training": Training(
                seed=settings.seed,
                command=words,
                worlds=f"{base.training.worlds}; then fine-tuned from {base.name} ({base.sha256[:12]}) on {kind}",
                steps=settings.steps,
                commit=commit_of_code(),
            ),
            "notes": "Fine-tuned on user labels; scores are on simulated worlds except those that begin with labels_.",
        }
    )


def _gained(old: Network, new: Network, card: ModelCard, kept_back: Chips | None) -> dict[str, Value]:
    """Scores on the held-out places before and after fine-tuning."""
    if kept_back is None:
        return {"labels_held_out": f"none: fewer than {MIN_PLACES} places"}
    predicted: dict[str, Value] = {"labels_held_out": f"{len(kept_back)} chips of places that were not trained on"}
    for when, net in (("before", old), ("after", new)):
        scores = asdict(label_scores(net, card, kept_back))
        predicted |= {f"labels_{name}_{when}": round(value, 4) for name, value in scores.items()}
    return predicted
