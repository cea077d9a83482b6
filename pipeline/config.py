"""Settings: typed, validated, and with their defaults in one commented file, `configs/default.toml`."""

import difflib
import tomllib
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline import resources
from pipeline.errors import ConfigError, describe, one_line

DEFAULTS = "default.toml"
"""The file in `configs/` that holds every setting."""

MAX_SHOWN = 100
"""Longest value that is quoted, characters."""

REMOVED = MappingProxyType(
    {
        "history.pond_present_m2": "which looks show ponds is decided by the model's [calibration.states.ponds]",
        "history.ground_present_m2": "which looks show ground is decided by the model's [calibration.states.ground]",
        "screen.scl_closed": "it decides nothing any more; remove the line",
        "alerts.pictures": "it decides nothing any more; remove the line",
    }
)
"""Settings of earlier versions that are gone, each with what decides in its place."""
RENAMED = MappingProxyType(
    {f"clear.own_{name}": f"clear.fallback_{name}"
     for name in ("bright", "white", "min_nir", "max_swir_ratio", "shadow_nir", "shadow_swir", "shadow_reach_px")}
    | {
        "clear.own_veil": "clear.fallback_haze",
        "reading.offsets": "reading.boa_offset_error",
        "network": "[http], with max_attempts, total_timeout_s, max_wait_s, connect_timeout_s and read_timeout_s",
    }
)  # fmt: skip
"""Settings and tables of earlier versions that have another name, with that."""

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Aligned = Annotated[int, Field(ge=64, le=8192, multiple_of=16)]
InSquares = Annotated[int, Field(ge=64, le=8192, multiple_of=64)]
PORT = r"(:[1-9][0-9]{0,3}|:[1-5][0-9]{4}|:6[0-4][0-9]{3})"
Host = Annotated[str, Field(pattern=rf"^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]){PORT}?$")]
"""A name or number of a machine, with its port (up to 64999) if that is not the usual one."""


class Section(BaseModel):
    """A table of the settings file: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GridSettings(Section):
    """How the grid is divided into blocks."""

    block_px: InSquares


class ClearSettings(Section):
    """Which pixels count as clear."""

    scl_unclear: tuple[Annotated[int, Field(ge=0, le=11)], ...]
    margin_px: Annotated[int, Field(ge=0, le=40)]
    fallback_bright: Share
    fallback_white: Positive
    fallback_min_nir: Share
    fallback_max_swir_ratio: Positive
    fallback_haze: Share
    fallback_shadow_nir: Share
    fallback_shadow_swir: Share
    fallback_shadow_reach_px: Annotated[int, Field(ge=0, le=60)]


class SegmentSettings(Section):
    """How the network is run; changes speed and memory, never a pixel (except `precision`)."""

    window_px: InSquares
    batch: Annotated[int, Field(ge=1, le=64)]
    precision: Literal["auto", "fp32", "bf16"]


class ScreenSettings(Section):
    """Which ground the network need not see."""

    enabled: bool


class EvidenceSettings(Section):
    """How clear looks are combined."""

    agreeing_looks: Annotated[int, Field(ge=1, le=20)]
    among_looks: Annotated[int, Field(ge=1, le=60)]

    @model_validator(mode="after")
    def _enough(self) -> "EvidenceSettings":
        if self.agreeing_looks > self.among_looks:
            raise ValueError(f"{self.agreeing_looks} looks cannot agree among {self.among_looks}")
        return self


class SitesSettings(Section):
    """What a site is."""

    link_m: Positive
    pond_fraction: Share
    min_pond_m2: Positive
    ground_probability: Share
    ground_reach_m: Annotated[float, Field(gt=0, le=400)]
    min_ground_m2: Positive
    min_confidence: Share
    confirm_looks: Annotated[int, Field(ge=1)]


class HistorySettings(Section):
    """How a site is dated."""

    min_share_seen: Share
    ground_probability: Share
    grown_share: Positive
    interval_mass: Annotated[float, Field(ge=0.5, lt=1)]
    ended_days: Annotated[int, Field(ge=1)]


class CoverageSettings(Section):
    """How coverage is reported."""

    cell_px: Aligned


class CutsSettings(Section):
    """Which evidence is kept as cuts."""

    min_confidence: Share
    between: Annotated[int, Field(ge=0, le=200)]


class EngineSettings(Section):
    """How the work is distributed over processes and machines."""

    workers: Annotated[int, Field(ge=0, le=256)]
    scheduler: Annotated[str, Field(pattern=r"^(tcp://\S+:\d{1,5})?$")]


class OffsetError(StrEnum):
    """What to do with a scene whose BOA_ADD_OFFSET was applied twice, or not at all, as its pixels show."""

    REFUSE = "refuse"
    CORRECT = "correct"


class ReadingSettings(Section):
    """How stored numbers become reflectance."""

    boa_offset_error: OffsetError


class HttpSettings(Section):
    """How often and how long a provider is asked."""

    max_attempts: Annotated[int, Field(ge=1, le=20)]
    total_timeout_s: Positive
    max_wait_s: Positive
    connect_timeout_s: Positive
    read_timeout_s: Positive
    data_hosts: tuple[Host, ...]


class SpendingSettings(Section):
    """What all runs that share a ledger may spend in a calendar month; 0 = no limit."""

    monthly_pu: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    monthly_gb: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ScanSettings(Section):
    """How months are scanned, one after the other, for years."""

    settle_days: Annotated[int, Field(ge=0, le=60)]
    late_months: Annotated[int, Field(ge=0, le=36)]
    first_months: Annotated[int, Field(ge=1, le=240)]
    catch_up_months: Annotated[int, Field(ge=1, le=240)]
    patience_days: Annotated[int, Field(ge=0, le=60)]
    report_hours: Annotated[float, Field(gt=0, le=720)]
    focus: tuple[str, ...]
    sweep_share: Share
    keep_recipes: Annotated[int, Field(ge=0, le=100)]


class Places(StrEnum):
    """How exactly a message says where a site is."""

    NONE = "none"
    """Not at all: the AOI and the id."""
    AREA = "area"
    """To a tenth of a degree, about 10 km."""
    EXACT = "exact"
    """To five decimals of a degree, about a metre."""


class AlertSettings(Section):
    """What messages say, and to whom they link; addresses stand in the environment."""

    places: Places
    budget: Annotated[float, Field(ge=0, lt=1)]
    link: Annotated[str, Field(pattern=r"^(https?://\S+)?$")]


class SimulatedSettings(Section):
    """The embedded archive."""

    seed: Annotated[int, Field(ge=0, le=2_000_000_000)]
    worlds: Annotated[int, Field(ge=1, le=200)]
    world_px: Annotated[int, Field(ge=128, le=2048, multiple_of=64)]
    start: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    months: Annotated[int, Field(ge=1, le=240)]
    overpasses_per_month: Annotated[int, Field(ge=1, le=12)]


class Settings(Section):
    """Every setting; the meaning of each stands beside its default in `configs/default.toml`."""

    model: Annotated[str, Field(min_length=1)]
    grid: GridSettings
    clear: ClearSettings
    screen: ScreenSettings
    segment: SegmentSettings
    evidence: EvidenceSettings
    sites: SitesSettings
    history: HistorySettings
    coverage: CoverageSettings
    cuts: CutsSettings
    engine: EngineSettings
    reading: ReadingSettings
    http: HttpSettings
    spending: SpendingSettings
    scan: ScanSettings
    alerts: AlertSettings
    simulated: SimulatedSettings


def load(file: str | Path | None = None) -> Settings:
    """The default settings, overridden by the user's `configs/default.toml` and then by `file`.

    `file`: a path, or the name of a file in `configs/`. Raises `ConfigError` in one line: file, key, what is wrong, and
    for an unknown key the nearest known one.
    """
    shipped = resources.shipped("configs") / DEFAULTS
    content, last = _read(shipped), shipped
    for path in (*own_defaults(), *([] if file is None else [settings_file(file)])):
        content, last = _merged(content, _read(path), path, ""), path
    try:
        return Settings.model_validate(content)
    except ValidationError as cause:
        first = cause.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{last}: {key}: {first['msg']}, not {_shown(first['input'])}") from cause


def own_defaults() -> list[Path]:
    """The user's own defaults, where the working directory has some."""
    own, shipped = resources.find("configs", DEFAULTS), resources.shipped("configs") / DEFAULTS
    return [own] if own is not None and own.resolve() != shipped.resolve() else []


def settings_file(file: str | Path) -> Path:
    """The settings file at a path, or of a name in `configs/`."""
    path = Path(file)
    if path.exists() or len(path.parts) > 1:
        return path
    return resources.find("configs", f"{path.name.removesuffix('.toml')}.toml") or path


def _shown(value: object) -> str:
    try:
        return one_line(repr(value), MAX_SHOWN)
    except ValueError:  # Python does not print integers of thousands of digits
        return "a number that long"
    except RecursionError:
        return "a value that deep"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise ConfigError(f"{path}: the settings file cannot be read ({cause.strerror})") from cause
    except (ValueError, RecursionError) as cause:  # not TOML, not UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path}: not TOML: {describe(cause)}") from cause


def _merged(base: dict[str, Any], changes: dict[str, Any], path: Path, prefix: str) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        if f"{prefix}{key}" in REMOVED:
            raise ConfigError(f"{path}: {prefix}{key} is gone: {REMOVED[prefix + key]}")
        if f"{prefix}{key}" in RENAMED:
            raise ConfigError(f"{path}: {prefix}{key} is called {RENAMED[prefix + key]} now")
        if key not in base:
            near = difflib.get_close_matches(key, base, n=1, cutoff=0) or ["?"]
            raise ConfigError(f"{path}: unknown key {prefix}{key}; the nearest known one is {prefix}{near[0]}")
        if isinstance(base[key], dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {prefix}{key} is a table, not {_shown(value)}")
            merged[key] = _merged(base[key], value, path, f"{prefix}{key}.")
        else:
            merged[key] = value
    return merged
