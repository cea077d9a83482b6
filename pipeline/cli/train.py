"""`leachwatch train`."""

import argparse
import re
from dataclasses import replace
from pathlib import Path

from pipeline import bands
from pipeline.cli.arguments import among, backgrounds_of, count, names, workers, writable
from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

MAX_LINES = 10
"""Scenes that could not be used, shown by name."""
MAX_SEED = 799
"""Larger seeds would train on the worlds that models are validated and scored on (`training.chips.FIRST_SEED`)."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `train`."""
    train = command(commands, "train", "Train and calibrate a model on simulated worlds.")
    train.add_argument(
        "--out", type=Path, default=Path("models/mine"), metavar="DIR", help="model folder (%(default)s)"
    )
    train.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="length; stands for a fixed number of steps (100, with --labels 5)",
    )
    train.add_argument(
        "--seed",
        type=seed,
        default=1,
        metavar="S",
        help=f"everything random follows from it; 0 to {MAX_SEED} (%(default)s)",
    )
    train.add_argument(
        "--workers",
        type=workers,
        default=0,
        metavar="N",
        help="processes that make worlds; 0 = one per core",
    )
    train.add_argument(
        "--backgrounds",
        type=Path,
        default=None,
        metavar="DIR",
        help="real scenes without sites, as GeoTIFFs of the folder source (backgrounds/training)",
    )
    train.add_argument("--worlds", type=count, metavar="N", help="worlds to calibrate on; 26.2 km² each (128)")
    train.add_argument("--styles", type=names, metavar="A,B", help="styles of the worlds, in turn (a mix of all)")
    train.add_argument("--bands", type=names, metavar="B02,...", help="bands the network is shown (all six)")
    train.add_argument(
        "--labels", type=Path, metavar="FILE",
        help="fine-tune on outlines instead: label (pond, ground, site, none) or verdict; optional from, to",
    )  # fmt: skip
    train.add_argument("--scenes", metavar="DIR", help="with --labels: the directory with GeoTIFFs that show them")
    train.add_argument(
        "--base", default="", metavar="NAME", help="the model to start from (with --labels the shipped one)"
    )
    train.set_defaults(do=run)


def seed(text: str) -> int:
    """A seed of training."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MAX_SEED}")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Train and calibrate; returns the exit code."""
    if options.labels:
        return _tune(options)
    if options.scenes:
        raise InputError("--scenes goes with --labels FILE")
    from pipeline.engine import usable_cores
    from pipeline.evaluation.calibrate import WORLDS, calibrate
    from pipeline.looks.weights import load_model
    from pipeline.progress import Progress
    from pipeline.training.chips import STYLES, TRAINING_STYLES, ChipSettings
    from pipeline.training.fit import STEPS_PER_MINUTE, FitSettings, train
    from pipeline.worlds.parameters import parameters

    workers = options.workers or usable_cores()
    writable(options.out)
    progress = Progress()
    settings = FitSettings(
        steps=round((100 if options.minutes is None else options.minutes) * STEPS_PER_MINUTE),
        seed=options.seed,
        workers=workers,
        base=options.base,
        bands=among(options.bands, bands.NAMES, "band") or bands.NAMES,
        chips=ChipSettings(
            backgrounds=str(backgrounds_of(options, "training")),
            styles=among(options.styles, parameters().styles, "style") or TRAINING_STYLES,
        ),
    )
    if options.base:
        if options.bands:
            raise InputError("--bands cannot be chosen with --base: the network knows its bands already")
        settings = replace(settings, network=load_model(options.base, precision="fp32").card.network)
    train(options.out, settings, progress)
    calibrate(options.out, workers, progress, options.worlds or WORLDS, options.styles or STYLES)
    print(f"{options.out}: trained and calibrated on simulated worlds; its card, model.toml, has the scores")
    return 0


def _tune(options: argparse.Namespace) -> int:
    from pipeline.config import load
    from pipeline.engine import usable_cores
    from pipeline.evaluation.calibrate import WORLDS, calibrate
    from pipeline.looks.weights import load_model
    from pipeline.progress import Progress
    from pipeline.sources.folder import FolderSource
    from pipeline.sources.interface import ReadRules
    from pipeline.training.chips import ChipSettings
    from pipeline.training.fit import STEPS_PER_MINUTE
    from pipeline.training.labels import label_chips, read_label_areas
    from pipeline.training.tune import TuneSettings, tune

    if not options.scenes:
        raise InputError("--labels needs --scenes DIR, the directory with GeoTIFFs that show them")
    areas, settings = read_label_areas(options.labels), load(None)
    workers, progress = options.workers or usable_cores(), Progress()
    base = load_model(options.base or settings.model, precision="fp32")
    writable(options.out)
    chips = ChipSettings(backgrounds=str(backgrounds_of(options, "training")))
    source = FolderSource(Path(options.scenes).expanduser(), rules=ReadRules.of(settings))
    labelled = label_chips(areas, source, base, chips.chip_px, settings.clear, progress)
    minutes = 5.0 if options.minutes is None else options.minutes
    how = TuneSettings(steps=round(minutes * STEPS_PER_MINUTE), seed=options.seed, workers=workers, chips=chips)
    words = (
        f"leachwatch train --labels {options.labels} --scenes {options.scenes} --base {base.card.name} "
        f"--out {options.out} --minutes {minutes:g} --seed {options.seed}"
    )
    card = tune(options.out, base, labelled, how, words, progress)
    calibrate(options.out, workers, progress, options.worlds or WORLDS)
    for refusal in labelled.refusals[:MAX_LINES]:
        print(f"not used: {refusal.id}: {refusal.reason}")
    if len(labelled.refusals) > MAX_LINES:
        print(f"not used: {len(labelled.refusals) - MAX_LINES} more")
    kept = [f"{name} {value}" for name, value in card.scores.items() if name.startswith("labels_")]
    print(f"{options.out}: fine-tuned on {len(labelled.chips)} looks at {len(areas)} labels; {', '.join(kept)}")
    return 0
