"""The command `leachwatch`: reads what a person typed, calls the library, and tells the outcome.

Heavy imports wait until a command needs them, so that --help answers at once.
"""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipeline import __version__, bands
from pipeline.errors import InputError, PipelineError, write_error

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.config import Settings
    from pipeline.progress import Progress
    from pipeline.sources.interface import Period, Source

EXITS = """exit codes:
  0  done; everything asked for was looked at, or its absence is recorded
  2  usage, settings or input are wrong: one line says what and where
  3  nothing could be observed (no scene, or no clear pixel)
  6  some looks failed: they are listed in manifest.json, and a second run does only those"""

DETECT = """Find and date suspected leach-pond sites in an area of interest.

Scenes are cut into looks (one overpass over one block of ground), each look is masked for cloud, segmented and
kept, and sites are drawn from all clear looks together. A second run does only what is new."""

EVALUATE = """Score a model by site on ground with known truth.

Worlds are simulated, watched once a month for 15 months, and put through the same code as a run; the figures say how
the model does on simulated ground, and nothing about real leach ponds."""

EXAMPLES = """examples:
  leachwatch detect --aoi shan
      the embedded simulated archive: needs no data and no network, and says everywhere that it is simulated
  leachwatch detect --aoi mong-bawk --source folder --scenes ~/scenes --from 2025-01 --to 2025-06
      your own GeoTIFFs, one per acquisition, with bands B02 B03 B04 B08 B11 B12 and optionally SCL
  leachwatch detect --aoi ~/places/valley.geojson --source folder --scenes ~/scenes --out results/valley

outputs, in out/<aoi>/ unless --out says otherwise:
  sites.geojson, sites.gpkg   open styled and time-aware in QGIS
  coverage.geojson            what was seen, per cell and month
  manifest.json               every scene used or refused, and why
  registry.json               the names of the sites: keep a copy"""


class Parser(argparse.ArgumentParser):
    """Errors in one line, with the nearest thing that would have worked."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one line."""
        unknown = re.search(r"unrecognized arguments: (\S+)|invalid choice: '([^']*)'", message)
        if unknown:
            word = unknown[1] or unknown[2]
            near = difflib.get_close_matches(word.split("=")[0], self._words(), n=1)
            message += f"; did you mean {near[0]}?" if near else f"; see {self.prog} --help"
        self.exit(2, f"{self.prog}: error: {message}\n")

    def _words(self) -> list[str]:
        words: list[str] = []
        for action in self._actions:
            words += action.option_strings or list(action.choices or ())
            for choice in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
                words += choice._words() if isinstance(choice, Parser) else []
        return words


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog="leachwatch",
        description="Finds and dates suspected rare-earth leach-pond sites in Sentinel-2 imagery.",
        epilog=f"{EXITS}\n\nStart with: leachwatch detect --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"leachwatch {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_detect(commands)
    aoi = _command(commands, "aoi", "List the areas of interest that come with leachwatch.", "")
    aoi.add_argument("action", choices=["list"], help="list: names, titles and areas")
    simulate = _command(commands, "simulate", "Write a simulated archive of an AOI, with its truth, to a folder.", "")
    simulate.add_argument("--aoi", required=True, metavar="NAME|FILE", help="area of interest")
    simulate.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to write it")
    simulate.add_argument("--workers", type=_workers, metavar="N", help="processes; 0 = one per core")
    simulate.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    train = _command(commands, "train", "Train and calibrate a model on simulated worlds.", "")
    train.add_argument(
        "--out", type=Path, default=Path("models/mine"), metavar="DIR", help="model folder (%(default)s)"
    )
    train.add_argument(
        "--minutes",
        type=float,
        default=70.0,
        metavar="M",
        help="length; stands for a fixed number of steps (%(default)s)",
    )
    train.add_argument(
        "--seed", type=int, default=1, metavar="S", help="everything random follows from it (%(default)s)"
    )
    train.add_argument(
        "--workers",
        type=_workers,
        default=0,
        metavar="N",
        help="processes that make worlds; 0 = one per core",
    )
    train.add_argument(
        "--backgrounds",
        type=Path,
        default=Path("backgrounds/training"),
        metavar="DIR",
        help="real scenes without sites, as GeoTIFFs of the folder source (%(default)s)",
    )
    train.add_argument("--styles", type=_names, metavar="A,B", help="styles of the worlds, in turn (a mix of all)")
    train.add_argument("--bands", type=_names, metavar="B02,...", help="bands the network is shown (all six)")
    evaluate = _command(commands, "evaluate", EVALUATE, "")
    evaluate.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")
    evaluate.add_argument(
        "--set", dest="of", default="held-out", choices=["held-out", "shifted", "other-country", "real"],
        help="which ground: worlds of the region's styles, of colours beyond the training ranges, of other country, "
        "or real scenes without sites (%(default)s)",
    )  # fmt: skip
    evaluate.add_argument("--worlds", type=_count, default=40, metavar="N", help="how many (%(default)s)")
    evaluate.add_argument("--styles", type=_names, metavar="A,B", help="styles of the worlds (kachin,shan)")
    evaluate.add_argument(
        "--backgrounds", type=Path, default=Path("backgrounds/evaluation"), metavar="DIR",
        help="for real: GeoTIFFs without sites, looked at as they are and with sites painted in (%(default)s)",
    )  # fmt: skip
    evaluate.add_argument(
        "--baseline", choices=["water-rule", "random-forest"], help="score this in the network's place, to compare"
    )
    evaluate.add_argument(
        "--every", type=_count, default=1, metavar="N", help="take only each N-th look; 30: one look (%(default)s)"
    )
    evaluate.add_argument(
        "--limits", action="store_true", help="also which sites would have been seen, by size and more"
    )
    evaluate.add_argument("--run", type=Path, metavar="DIR", help="score a finished run on simulated input instead")
    evaluate.add_argument(
        "--labels", type=Path, metavar="FILE",
        help="with --run: points (CSV or GeoJSON: id, lon, lat, date or from and to, diameter_m, state) to score it by",
    )  # fmt: skip
    evaluate.add_argument("--workers", type=_workers, metavar="N", help="processes; 0 = one per core")
    evaluate.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        run = {"detect": _detect, "aoi": _aoi, "simulate": _simulate, "train": _train, "evaluate": _evaluate}[
            options.command
        ]
        return run(options)
    except PipelineError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("stopped; what was done is kept, run the same command again to go on", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        wrapped = write_error(error.filename, error)
        return _fail(str(wrapped), wrapped.exit_code)


def _add_detect(commands: "argparse._SubParsersAction[Parser]") -> None:
    detect = _command(commands, "detect", DETECT, f"{EXAMPLES}\n\n{EXITS}")
    detect.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    detect.add_argument(
        "--source",
        default="simulated",
        choices=["simulated", "folder"],
        help="where scenes come from (%(default)s)",
    )
    detect.add_argument("--scenes", metavar="DIR", help="for folder: the directory with your GeoTIFFs")
    detect.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month (default: the first there is)")
    detect.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month (default: the last there is)")
    detect.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: out/<aoi>)")
    detect.add_argument(
        "--device",
        default="auto",
        choices=["auto", "cpu", "cuda"],
        help="where the network runs (%(default)s)",
    )
    detect.add_argument("--workers", type=_workers, metavar="N", help="processes; 0 = one per core (the default)")
    detect.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    detect.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")


def _command(commands: "argparse._SubParsersAction[Parser]", name: str, description: str, epilog: str) -> Parser:
    return commands.add_parser(
        name,
        help=description.splitlines()[0],
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _detect(options: argparse.Namespace) -> int:
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress
    from pipeline.sources.interface import period_of

    settings = _settings(options)
    if options.model is not None:
        settings = settings.model_copy(update={"model": options.model})
    aoi, period = read_aoi(options.aoi), period_of(options.first, options.last)
    out = options.out or Path("out") / aoi.name
    _writable(out)
    progress = Progress()
    source = _source(options, aoi, settings, period, out, progress)
    from pipeline.scan import detect

    summary = detect(aoi, source, settings, period, out, options.device, progress)
    print(summary.text(), flush=True)
    return _fail(summary.error, summary.exit_code) if summary.error else 0


def _source(
    options: argparse.Namespace,
    aoi: "Aoi",
    settings: "Settings",
    period: "Period",
    out: Path,
    progress: "Progress",
) -> "Source":
    if options.source == "folder":
        if not options.scenes:
            raise InputError("--source folder needs --scenes DIR, the directory with your GeoTIFFs")
        from pipeline.sources.folder import FolderSource

        return FolderSource(Path(os.path.expanduser(options.scenes)))
    if options.scenes:
        raise InputError("--scenes goes with --source folder; the simulated source makes its own")
    return _simulated(aoi, settings, period, out / "simulated", progress)


def _simulated(aoi: "Aoi", settings: "Settings", period: "Period", folder: Path, progress: "Progress") -> "Source":
    from pipeline.engine import usable_cores
    from pipeline.sources.simulated import simulated_source

    workers = settings.engine.workers or usable_cores()
    return simulated_source(folder, aoi, settings.simulated, period, workers, progress)


def _aoi(options: argparse.Namespace) -> int:
    from pipeline.aoi import list_aois

    for aoi in list_aois():
        print(f"{aoi.name:12} {aoi.area_km2:10,.0f} km²  UTM {aoi.grid.zone}  ids {aoi.prefix}-…  {aoi.title}")
    return 0


def _simulate(options: argparse.Namespace) -> int:
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress
    from pipeline.sources.interface import period_of

    settings = _settings(options)
    _writable(options.out)
    _simulated(read_aoi(options.aoi), settings, period_of(None, None), options.out, Progress())
    print(f"SIMULATED scenes and their truth (truth.geojson) are in {options.out}/")
    return 0


def _train(options: argparse.Namespace) -> int:
    from pipeline.engine import usable_cores
    from pipeline.progress import Progress
    from pipeline.training.calibrate import WORLDS, calibrate
    from pipeline.training.chips import SHOWN, STYLES, ChipSettings
    from pipeline.training.fit import STEPS_PER_MINUTE, FitSettings, train
    from pipeline.worlds.figures import figures

    workers = options.workers or usable_cores()
    _writable(options.out)
    progress = Progress()
    settings = FitSettings(
        steps=round(options.minutes * STEPS_PER_MINUTE),
        seed=options.seed,
        workers=workers,
        bands=_among(options.bands, bands.NAMES, "band") or bands.NAMES,
        chips=ChipSettings(
            backgrounds=str(options.backgrounds), styles=_among(options.styles, figures().styles, "style") or SHOWN
        ),
    )
    train(options.out, settings, progress)
    calibrate(options.out, workers, progress, WORLDS, options.styles or STYLES)
    print(f"{options.out}: trained and calibrated on simulated worlds; its card, model.toml, has the scores")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from pipeline.engine import usable_cores
    from pipeline.progress import Progress
    from pipeline.training.chips import STYLES
    from pipeline.training.evaluate import scores
    from pipeline.training.limits import limits_table
    from pipeline.training.sets import baseline_of, case_of_run, cases_of, trials_of
    from pipeline.training.trials import Watcher
    from pipeline.worlds.figures import figures

    settings = _settings(options)
    if options.model is not None:
        settings = settings.model_copy(update={"model": options.model})
    if options.labels:
        return _evaluate_labels(options.labels, options.run, settings.sites.min_confidence)
    if options.run:
        named, cases = f"simulated run in {options.run}", [case_of_run(options.run)]
    else:
        workers = settings.engine.workers or usable_cores()
        progress, watcher = Progress(), Watcher(settings)
        if options.baseline:
            watcher = baseline_of(options.baseline, settings, workers, progress)
        styles = _among(options.styles, figures().styles, "style") or STYLES
        named, trials = trials_of(options.of, options.worlds, options.backgrounds, styles, options.every)
        cases = cases_of(trials, watcher, workers, progress)
    least = settings.sites.min_confidence
    print(f"{options.baseline or f'model {settings.model}'} on {named}\n{scores(cases, least).table()}")
    if options.limits:
        print(f"\nSites with ponds that were found\n{limits_table(cases, least)}")
    return 0


def _evaluate_labels(labels: Path, run: Path | None, least: float) -> int:
    from pipeline.training.points import read_points, score_points
    from pipeline.training.truth import read_reported

    if run is None:
        raise InputError("--labels needs --run DIR: the folder of the run to score")
    points = read_points(labels)
    reported = [site for site in read_reported(run / "sites.geojson") if site.confidence >= least]
    print(f"{run} on {len(points)} labels of {labels}\n{score_points(points, reported).table()}")
    return 0


def _settings(options: argparse.Namespace) -> "Settings":
    from pipeline.config import load

    settings = load(options.config)
    if options.workers is not None:
        settings = settings.model_copy(
            update={"engine": settings.engine.model_copy(update={"workers": options.workers})}
        )
    return settings


def _writable(folder: Path) -> None:
    """Raise `InputError` before any work is done when the output folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as cause:
        raise write_error(folder, cause) from cause


def _workers(text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text) or int(text) > 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 0 to 256")
    return int(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 99999")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _among(names: tuple[str, ...] | None, known: Collection[str], what: str) -> tuple[str, ...]:
    """The names, none where none were asked for. Raises `InputError` for one that is not known."""
    for name in names or ():
        if name not in known:
            raise InputError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return names or ()


def _fail(message: str, code: int) -> int:
    print(f"leachwatch: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code
