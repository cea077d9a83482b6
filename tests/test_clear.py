import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.grid import Window
from pipeline.looks.clear import CLEAR_RADIUS_PX, clear
from pipeline.raster import Raster

SETTINGS = load(None).clear
SIZE = 160
SURFACES = {
    "forest": (0.03, 0.05, 0.03, 0.30, 0.15, 0.08),
    "lateritic soil": (0.08, 0.12, 0.20, 0.32, 0.42, 0.38),
    "pale soil": (0.18, 0.24, 0.30, 0.40, 0.50, 0.46),
    "milky pond": (0.22, 0.25, 0.22, 0.13, 0.04, 0.03),
    "turquoise pond": (0.10, 0.15, 0.08, 0.04, 0.01, 0.01),
    "clear water": (0.04, 0.05, 0.02, 0.01, 0.01, 0.01),
    "blue roof": (0.25, 0.20, 0.13, 0.30, 0.38, 0.38),
}


def raster(reflectance: tuple[float, ...] = SURFACES["forest"], scl: np.ndarray | None = None) -> Raster:
    planes = np.tile(np.array(reflectance, np.float32)[:, None, None], (1, SIZE, SIZE))
    return Raster(window=Window(0, 0, SIZE, SIZE), reflectance=planes, valid=np.ones((SIZE, SIZE), bool), scl=scl)


@pytest.mark.parametrize("code", range(12))
def test_scl_classes_are_clear_or_not_as_configured(code: int) -> None:
    scl = np.full((SIZE, SIZE), code, np.uint8)
    assert clear(raster(scl=scl), SETTINGS).any() == (code not in SETTINGS.scl_unclear)


@pytest.mark.parametrize("code", [3, 8, 9, 10])
def test_cloud_and_shadow_get_a_margin(code: int) -> None:
    scl = np.full((SIZE, SIZE), 4, np.uint8)
    scl[80, 80] = code
    seen = clear(raster(scl=scl), SETTINGS)
    assert not seen[80, 80 - SETTINGS.margin_px : 81 + SETTINGS.margin_px].any()
    assert seen[80, 81 + SETTINGS.margin_px]


@pytest.mark.parametrize("name", SURFACES)
def test_ground_and_water_are_not_taken_for_cloud_without_scl(name: str) -> None:
    assert clear(raster(SURFACES[name]), SETTINGS).all()


def test_cloud_and_its_shadow_are_found_without_scl() -> None:
    planes = raster().reflectance.copy()
    planes[:, 40:70, 40:70] = np.array([0.55, 0.54, 0.53, 0.6, 0.4, 0.3])[:, None, None]
    planes[:, 80:100, 50:80] *= 0.25
    scene = Raster(window=Window(0, 0, SIZE, SIZE), reflectance=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    seen = clear(scene, SETTINGS)
    assert not seen[40:70, 40:70].any()
    assert not seen[80:100, 50:80].any()
    assert seen[120:, 120:].all()


def test_a_veil_of_thin_cloud_is_found_without_scl() -> None:
    planes = raster().reflectance.copy()
    planes[:, 40:100, 40:100] = np.array([0.15, 0.134, 0.118, 0.30, 0.19, 0.14])[:, None, None]  # as seen in Slovenia
    scene = Raster(window=Window(0, 0, SIZE, SIZE), reflectance=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    seen = clear(scene, SETTINGS)
    assert not seen[40:100, 40:100].any()
    assert seen[130:].all()


def test_a_single_bright_roof_is_no_cloud() -> None:
    planes = raster().reflectance.copy()
    planes[:, 50:52, 50:52] = 0.5
    scene = Raster(window=Window(0, 0, SIZE, SIZE), reflectance=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    assert clear(scene, SETTINGS).all()


def test_pixels_without_data_are_never_clear() -> None:
    valid = np.zeros((SIZE, SIZE), bool)
    for scl in (None, np.full((SIZE, SIZE), 4, np.uint8)):
        scene = Raster(window=Window(0, 0, SIZE, SIZE), reflectance=raster().reflectance * 0, valid=valid, scl=scl)
        assert not clear(scene, SETTINGS).any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), with_scl=st.booleans())
def test_the_answer_is_local(seed: int, with_scl: bool) -> None:
    """Nothing farther than CLEAR_RADIUS_PX from a pixel changes its answer."""
    rng = np.random.default_rng(seed)
    size = 2 * CLEAR_RADIUS_PX + 21
    blobs = rng.random((size // 12 + 1, size // 12 + 1)).repeat(12, 0).repeat(12, 1)[:size, :size]
    colours = np.array(list(SURFACES.values()) + [(0.5, 0.5, 0.5, 0.6, 0.4, 0.3), (0.01, 0.02, 0.01, 0.05, 0.03, 0.02)])
    scene = colours[(blobs * len(colours)).astype(int)].transpose(2, 0, 1).astype(np.float32)
    scl = rng.choice([3, 4, 5, 6, 9], size=blobs.shape).astype(np.uint8) if with_scl else None
    window = Window(0, 0, size, size)
    before = clear(Raster(window=window, reflectance=scene, valid=np.ones(blobs.shape, bool), scl=scl), SETTINGS)
    far = np.ones(blobs.shape, bool)
    far[10 : size - 10, 10 : size - 10] = False
    other = np.where(far, np.float32(0.5), scene)
    scl_too = None if scl is None else np.where(far, 9, scl).astype(np.uint8)
    after = clear(Raster(window=window, reflectance=other, valid=np.ones(blobs.shape, bool), scl=scl_too), SETTINGS)
    inner = slice(10 + CLEAR_RADIUS_PX, size - 10 - CLEAR_RADIUS_PX)
    np.testing.assert_array_equal(before[inner, inner], after[inner, inner])
