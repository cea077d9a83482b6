"""`leachwatch evaluate`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import among, amount, backgrounds_of, count, names, settings_of, share, workers
from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.config import Settings
    from pipeline.evaluation.trials import Trial
    from pipeline.evaluation.truth import Case

EVALUATE = """Score a model by site on ground with known truth.

Worlds are simulated, observed twice a month for 15 months at the clearest overpasses, and put through the same code as
a run; the figures say how the model does on simulated ground, and nothing about real leach ponds."""

MAX_ERRORS = 12
"""Pictures of false sites, and of missed ones."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `evaluate`."""
    evaluate = command(commands, "evaluate", EVALUATE)
    evaluate.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")
    evaluate.add_argument(
        "--set", dest="of", default="held-out", choices=["held-out", "shifted", "other-country", "real"],
        help="which ground: worlds of the region's styles, of colours beyond the training ranges, of other country, "
        "or real scenes without sites (%(default)s)",
    )  # fmt: skip
    evaluate.add_argument("--worlds", type=count, default=40, metavar="N", help="how many (%(default)s)")
    evaluate.add_argument("--styles", type=names, metavar="A,B", help="styles of the worlds (kachin,shan)")
    evaluate.add_argument(
        "--backgrounds", type=Path, metavar="DIR",
        help="for real: GeoTIFFs without sites, observed as they are and with sites drawn in (backgrounds/evaluation)",
    )  # fmt: skip
    evaluate.add_argument(
        "--baseline", choices=["water-rule", "random-forest"], help="score this in the network's place, to compare"
    )
    evaluate.add_argument(
        "--every", type=count, default=1, metavar="N", help="take only each N-th look; 30: one look (%(default)s)"
    )
    evaluate.add_argument(
        "--limits", action="store_true", help="also which sites would have been seen, by size and more"
    )
    evaluate.add_argument("--picture", type=Path, metavar="FILE.svg", help="with --limits: draw them as well")
    evaluate.add_argument(
        "--gallery", type=Path, metavar="FILE.png", help="also draw the worst errors, twelve of each kind"
    )
    evaluate.add_argument(
        "--replay", action="store_true",
        help="instead: live scans of three years through, look by look; how soon and how rightly are sites announced?",
    )  # fmt: skip
    evaluate.add_argument(
        "--other-model", metavar="NAME", help="with --replay: a model that takes the place of the first for a year"
    )
    evaluate.add_argument("--run", type=Path, metavar="DIR", help="score a finished run on simulated input instead")
    evaluate.add_argument(
        "--labels", type=Path, metavar="FILE",
        help="with --run: points (CSV or GeoJSON: id, lon, lat, date or from and to, diameter_m, state) to score it by",
    )  # fmt: skip
    evaluate.add_argument(
        "--alert-worlds", type=count, metavar="N",
        help="instead: observe so many calibration worlds and keep what is reported there beside the model's card; the "
        "budget of false alarms rests on them",
    )  # fmt: skip
    evaluate.add_argument(
        "--budget", type=share, metavar="B",
        help="instead: do lists of new sites keep to a budget of false ones, at three densities of sites?",
    )  # fmt: skip
    evaluate.add_argument(
        "--km2", type=amount, metavar="A", help="with --budget: area of a scan (as large as the worlds allow)"
    )
    evaluate.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core")
    evaluate.add_argument("--config", metavar="FILE|NAME", help="settings: a file, or a name in configs/")
    evaluate.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Score; returns the exit code."""
    from pipeline.evaluation.limits import require_matplotlib

    _check_usage(options)
    settings = settings_of(options)
    if options.picture:
        require_matplotlib()
    if options.labels:
        return _score_labels(options.labels, options.run, settings.sites.min_confidence)
    if options.replay:
        return _replay(options, settings)
    if options.alert_worlds:
        return _alert_worlds(options, settings)
    if options.budget:
        return _budget(options, settings)
    if options.run:
        return _score_run(options, settings)
    return _score_trials(options, settings)


def _check_usage(options: argparse.Namespace) -> None:
    """Refuse what would otherwise be left undone without a word.

    Raises:
        InputError: two options that do not go together, or one without the other it needs.
    """
    if options.labels and not options.run:
        raise InputError("--labels needs --run DIR: the folder of the run to score")
    if options.other_model and not options.replay:
        raise InputError("--other-model goes with --replay")
    if options.picture and not options.limits:
        raise InputError("--picture draws what --limits counts: give --limits too")
    if options.limits and (options.labels or options.replay):
        raise InputError("--limits counts sites of worlds and runs: leave out --labels and --replay")
    if options.gallery and (options.run or options.replay):
        raise InputError("--gallery draws single worlds: leave out --run and --replay")
    others = (options.labels, options.run, options.replay, options.limits, options.gallery, options.baseline)
    ground = (options.of != "held-out", options.styles, options.backgrounds, options.every != 1)
    if (options.alert_worlds or options.budget) and any((*others, *ground)):
        raise InputError("--alert-worlds and --budget go with --model and --worlds only: leave out the others")
    if options.alert_worlds and options.budget:
        raise InputError("--alert-worlds makes what --budget tests: first the one, then the other")
    if options.km2 and not options.budget:
        raise InputError("--km2 goes with --budget")
    if options.replay and options.of == "real":
        raise InputError("--replay needs worlds with a history: real scenes have one look")


def _score_labels(labels: Path, run: Path, least: float) -> int:
    from pipeline.evaluation.points import read_points, score_points
    from pipeline.evaluation.truth import read_reported

    points = read_points(labels)
    reported = [site for site in read_reported(run / "sites.geojson") if site.confidence >= least]
    print(f"{run} on {len(points)} labels of {labels}\n{score_points(points, reported).table()}")
    return 0


def _replay(options: argparse.Namespace, settings: "Settings") -> int:
    from pipeline.engine import usable_cores
    from pipeline.evaluation.replay import MODEL_CHANGES, MONTHS, Replay, replay, replay_table
    from pipeline.evaluation.trials import TrialRunner
    from pipeline.progress import Progress

    named, trials = _trials(options, months=MONTHS)
    runners, models = [TrialRunner(settings)], settings.model
    if options.other_model:
        runners.append(TrialRunner(settings.model_copy(update={"model": options.other_model})))
        models += f", {options.other_model} in between"
    how = Replay(tuple(runners), MODEL_CHANGES if options.other_model else 0)
    worlds = replay(trials, how, settings.engine.workers or usable_cores(), Progress())
    print(f"model {models} on {named}, {MONTHS} months look by look\n{replay_table(worlds)}")
    return 0


def _alert_worlds(options: argparse.Namespace, settings: "Settings") -> int:
    from pipeline.alerts.worlds import ALERTS
    from pipeline.engine import usable_cores
    from pipeline.evaluation.alert_worlds import make_alert_worlds
    from pipeline.evaluation.trials import TrialRunner
    from pipeline.looks.weights import model_folder
    from pipeline.progress import Progress

    folder, workers = model_folder(settings.model), settings.engine.workers or usable_cores()
    made = make_alert_worlds(folder, TrialRunner(settings), options.alert_worlds, workers, Progress())
    print(f"{folder / ALERTS}: {len(made.reports)} reports in {made.ground}")
    return 0


def _budget(options: argparse.Namespace, settings: "Settings") -> int:
    from pipeline.alerts.worlds import read_alert_worlds
    from pipeline.engine import usable_cores
    from pipeline.evaluation.alert_worlds import budget_table, held_out
    from pipeline.evaluation.trials import TrialRunner
    from pipeline.looks.card import CARD, read_card
    from pipeline.looks.weights import model_folder
    from pipeline.progress import Progress

    folder, workers = model_folder(settings.model), settings.engine.workers or usable_cores()
    worlds = read_alert_worlds(folder, read_card(folder / CARD))
    named, ground = held_out(options.worlds, TrialRunner(settings), workers, Progress())
    table = budget_table(worlds, ground, options.budget, settings.sites.min_confidence, options.km2 or worlds.km2)
    print(f"model {settings.model}, budget {options.budget:.0%}, made on {worlds.ground},\ntested on {named}\n{table}")
    return 0


def _score_run(options: argparse.Namespace, settings: "Settings") -> int:
    from pipeline.evaluation.sets import case_of_run

    _print_scores(options, settings, f"simulated run in {options.run}", [case_of_run(options.run)])
    return 0


def _score_trials(options: argparse.Namespace, settings: "Settings") -> int:
    from pipeline.engine import usable_cores
    from pipeline.evaluation.gallery import worst, write_gallery
    from pipeline.evaluation.sets import baseline_of, cases_of
    from pipeline.evaluation.trials import TrialRunner
    from pipeline.progress import Progress

    workers, progress = settings.engine.workers or usable_cores(), Progress()
    runner = TrialRunner(settings)
    if options.baseline:
        runner = baseline_of(options.baseline, settings, workers, progress, options.worlds)
    named, trials = _trials(options)
    cases = cases_of(trials, runner, workers, progress)
    _print_scores(options, settings, named, cases)
    if options.gallery:
        errors = worst(trials, cases, settings.sites.min_confidence, MAX_ERRORS)
        words = write_gallery(options.gallery, errors, runner, progress)
        print(f"\nWorst errors, as drawn in {options.gallery}\n{words or 'none'}")
    return 0


def _trials(options: argparse.Namespace, **how: int) -> "tuple[str, list[Trial]]":
    from pipeline.evaluation.sets import trials_of
    from pipeline.training.chips import STYLES
    from pipeline.worlds.parameters import parameters

    styles = among(options.styles, parameters().styles, "style") or STYLES
    backgrounds = backgrounds_of(options, "evaluation")
    return trials_of(options.of, options.worlds, backgrounds, styles, options.every, **how)


def _print_scores(options: argparse.Namespace, settings: "Settings", ground: str, cases: "Sequence[Case]") -> None:
    from pipeline.evaluation.limits import limits, limits_table, write_limits_picture
    from pipeline.evaluation.scores import scores

    least = settings.sites.min_confidence
    print(f"{options.baseline or f'model {settings.model}'} on {ground}\n{scores(cases, least).table()}")
    if options.limits:
        found = limits(cases, least)
        print(f"\nSites with ponds that were found\n{limits_table(found)}")
        if options.picture:
            write_limits_picture(options.picture, found, ground)
