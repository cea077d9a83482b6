"""What physics says of the covers of `configs/worlds.toml`, band by band and for both satellites; see docs/worlds.md.

Writes `docs/spectra.csv`. Needs what leachwatch itself does not: `pip install progeosail pyrsr jerlov` (progeosail is
under the GPL, so it stays outside). Canopies: PROSPECT-5 leaves in 4SAIL over dry and wet soil. Water: absorption of
pure water (nothing comes back beyond 900 nm but from particles), dissolved matter and particles, after Lee et al. 1999.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path

import jerlov
import numpy as np
import progeosail
import pyrsr

HERE = Path(__file__).parent
WAVES_NM = np.arange(400, 2501)
BANDS = {"B02": "2", "B03": "3", "B04": "4", "B08": "8", "B11": "11", "B12": "12"}
SATELLITES = {"S2A": "Sentinel-2A", "S2B": "Sentinel-2B"}
DRAWS = 400
WATER_PER_M = {900: 6.8, 1000: 42.0, 1300: 120.0, 1500: 2000.0, 1650: 600.0, 1900: 10_000.0, 2200: 2000.0, 2500: 9000.0}
"""Absorption of pure water beyond what jerlov has, rounded after Kou et al. 1993."""
SOIL = progeosail.get_spectra().soil


def responses(name: str) -> dict[str, np.ndarray]:
    """Weight of each wavelength in each band; adds up to 1."""
    rsr = pyrsr.RSR(name, "MSI")
    weights = {band: np.interp(WAVES_NM, rsr.rsrs_wvl, rsr.rsrs[own], left=0, right=0) for band, own in BANDS.items()}
    return {band: weight / weight.sum() for band, weight in weights.items()}


def canopy(
    lai: tuple[float, float], cab: tuple[float, float], brown: tuple[float, float], wet: tuple[float, float]
) -> Callable[[np.random.Generator], np.ndarray]:
    """Canopies of a leaf area, chlorophyll (µg/cm²), share of brown matter, and dryness of the soil below (0 wet)."""

    def drawn(rng: np.random.Generator) -> np.ndarray:
        green = rng.uniform(*cab)
        return progeosail.run_prosail(
            n=rng.uniform(1.3, 2.2),
            cab=green,
            car=green / 4.5,
            cbrown=rng.uniform(*brown),
            cw=rng.uniform(0.008, 0.022),
            cm=rng.uniform(0.004, 0.013),
            lai=rng.uniform(*lai),
            lidfa=rng.uniform(-0.5, 0.1),
            lidfb=-0.15,
            typelidf=1,
            hspot=0.05,
            tts=rng.uniform(25, 50),
            tto=5,
            psi=90,
            rsoil=rng.uniform(0.5, 1.0),
            psoil=rng.uniform(*wet),
            factor="SDR",
            prospect_version="5",
        )

    return drawn


def soil(dry: tuple[float, float], bright: tuple[float, float]) -> Callable[[np.random.Generator], np.ndarray]:
    """Bare soil between the wet and the dry one of the library."""

    def drawn(rng: np.random.Generator) -> np.ndarray:
        share = rng.uniform(*dry)
        return rng.uniform(*bright) * (share * SOIL.rsoil1 + (1 - share) * SOIL.rsoil2)

    return drawn


def water(grams: tuple[float, float], dissolved: tuple[float, float]) -> Callable[[np.random.Generator], np.ndarray]:
    """Deep water with mineral particles (g/m³, drawn by logarithm) and dissolved matter (absorption at 440 nm, 1/m)."""
    known = np.arange(400, 801)
    pure = np.interp(
        WAVES_NM,
        [*known, *WATER_PER_M],
        [*jerlov.pure_water_absorption(known.astype(float)), *WATER_PER_M.values()],
    )

    def drawn(rng: np.random.Generator) -> np.ndarray:
        particles = np.exp(rng.uniform(*np.log(grams)))
        absorbed = pure + rng.uniform(*dissolved) * np.exp(-0.015 * (WAVES_NM - 440.0))
        absorbed += 0.03 * particles * np.exp(-0.012 * (WAVES_NM - 440.0))
        back = 0.0006 + particles * rng.uniform(0.006, 0.014) * (550.0 / WAVES_NM) ** rng.uniform(0.0, 0.8)
        share = back / (absorbed + back)
        below = (0.089 + 0.125 * share) * share
        return np.pi * 0.52 * below / (1 - 1.7 * below)

    return drawn


COVERS = {
    "forest": canopy((3, 6.5), (35, 65), (0, 0.1), (0, 0.6)),
    "dry_forest": canopy((0.5, 2), (8, 30), (0.3, 1.0), (0.1, 0.5)),
    "regrowth": canopy((1, 3), (25, 50), (0, 0.2), (0, 0.6)),
    "crop": canopy((2, 6), (30, 60), (0, 0.1), (0, 0.6)),
    "soil_pale": soil((0.6, 1.0), (0.7, 1.0)),
    "soil_brown": soil((0.0, 0.35), (0.7, 1.1)),
    "water_clear": water((0.3, 4), (0.05, 1.0)),
    "water_turbid": water((20, 300), (0.2, 2.0)),
    "pond_turquoise": water((10, 120), (0.0, 0.05)),
    "pond_milky": water((150, 3000), (0.0, 0.1)),
}
"""Covers that physics can say something of, and how."""


def main() -> None:
    """Draw, and write quantiles beside what the worlds use."""
    table = tomllib.loads((HERE.parent.parent / "configs" / "worlds.toml").read_text())["spectra"]
    weights = {satellite: responses(name) for satellite, name in SATELLITES.items()}
    lines = ["cover,satellite,band,p05,p50,p95,worlds_low,worlds_high"]
    for cover, drawn in COVERS.items():
        rng = np.random.default_rng(1)
        spectra = np.array([drawn(rng) for _ in range(DRAWS)])
        for satellite, by_band in weights.items():
            for number, (band, weight) in enumerate(by_band.items()):
                low, middle, high = np.quantile(spectra @ weight, [0.05, 0.5, 0.95])
                used = table[cover]["low"][number], table[cover]["high"][number]
                lines.append(f"{cover},{satellite},{band},{low:.4f},{middle:.4f},{high:.4f},{used[0]},{used[1]}")
    (HERE.parent / "spectra.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
