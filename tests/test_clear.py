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
    return Raster(window=Window(0, 0, SIZE, SIZE), pixels=planes, valid=np.ones((SIZE, SIZE), bool), scl=scl)


@pytest.mark.parametrize("unclear", [SETTINGS.scl_unclear, (0, 8, 9), (3, 6), ()])
@pytest.mark.parametrize("code", range(12))
def test_scl_classes_are_clear_or_not_as_configured(code: int, unclear: tuple[int, ...]) -> None:
    scl = np.full((SIZE, SIZE), code, np.uint8)
    seen = clear(raster(scl=scl), SETTINGS.model_copy(update={"scl_unclear": unclear}))
    assert (seen == (code not in unclear)).all()


@pytest.mark.parametrize("margin_px", [0, 2, SETTINGS.margin_px, 40])
@pytest.mark.parametrize("code", [3, 8, 9, 10])
def test_cloud_and_shadow_get_a_margin(code: int, margin_px: int) -> None:
    scl = np.full((SIZE, SIZE), 4, np.uint8)
    scl[80, 80] = code
    seen = clear(raster(scl=scl), SETTINGS.model_copy(update={"margin_px": margin_px}))
    assert not seen[80, 80 - margin_px : 81 + margin_px].any()
    assert seen[80, 79 - margin_px]
    assert seen[80, 81 + margin_px]


@pytest.mark.parametrize("name", SURFACES)
def test_ground_and_water_are_not_taken_for_cloud_without_scl(name: str) -> None:
    assert clear(raster(SURFACES[name]), SETTINGS).all()


def test_cloud_and_its_shadow_are_found_without_scl() -> None:
    planes = raster().reflectance.copy()
    planes[:, 40:70, 40:70] = np.array([0.55, 0.54, 0.53, 0.6, 0.4, 0.3])[:, None, None]
    planes[:, 80:100, 50:80] *= 0.25
    scene = Raster(window=Window(0, 0, SIZE, SIZE), pixels=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    seen = clear(scene, SETTINGS)
    assert not seen[40:70, 40:70].any()
    assert not seen[80:100, 50:80].any()
    assert seen[120:, 120:].all()


def test_a_veil_of_thin_cloud_is_found_without_scl() -> None:
    planes = raster().reflectance.copy()
    planes[:, 40:100, 40:100] = np.array([0.15, 0.134, 0.118, 0.30, 0.19, 0.14])[:, None, None]  # as seen in Slovenia
    scene = Raster(window=Window(0, 0, SIZE, SIZE), pixels=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    seen = clear(scene, SETTINGS)
    assert not seen[40:100, 40:100].any()
    assert seen[130:].all()


@pytest.mark.parametrize(
    ("setting", "value", "cloud", "shadow"),
    [
        ("fallback_bright", 0.14, True, True),
        ("fallback_bright", 0.6, False, False),
        ("fallback_white", 0.02, False, False),
        ("fallback_min_nir", 0.62, False, False),
        ("fallback_max_swir_ratio", 0.7, False, False),
        ("fallback_shadow_nir", 0.05, True, False),
        ("fallback_shadow_swir", 0.01, True, False),
        ("fallback_shadow_reach_px", 8, True, False),
    ],
)
def test_each_setting_of_the_fallback_decides(setting: str, value: float, cloud: bool, shadow: bool) -> None:
    planes = raster().reflectance.copy()
    planes[:, 40:70, 40:70] = np.array([0.55, 0.54, 0.53, 0.6, 0.4, 0.3])[:, None, None]
    planes[:, 80:100, 50:60] *= 0.25
    scene = Raster(window=Window(0, 0, SIZE, SIZE), pixels=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    without_haze = SETTINGS.model_copy(update={"fallback_haze": 1.0, "margin_px": 0})
    seen = clear(scene, without_haze.model_copy(update={setting: value}))
    assert seen[40:70, 40:70].any() != cloud
    assert seen[80:100, 50:60].any() != shadow


def test_the_haze_setting_decides_what_is_a_veil() -> None:
    veil = raster((0.15, 0.134, 0.118, 0.30, 0.19, 0.14))
    no_thick_cloud = SETTINGS.model_copy(update={"fallback_bright": 1.0})
    assert not clear(veil, no_thick_cloud.model_copy(update={"fallback_haze": 0.09})).any()
    assert clear(veil, no_thick_cloud.model_copy(update={"fallback_haze": 0.1})).all()


def test_a_single_bright_roof_is_no_cloud() -> None:
    planes = raster().reflectance.copy()
    planes[:, 50:52, 50:52] = 0.5
    scene = Raster(window=Window(0, 0, SIZE, SIZE), pixels=planes, valid=np.ones((SIZE, SIZE), bool), scl=None)
    assert clear(scene, SETTINGS).all()


def test_pixels_without_data_are_never_clear() -> None:
    valid = np.zeros((SIZE, SIZE), bool)
    for scl in (None, np.full((SIZE, SIZE), 4, np.uint8)):
        scene = Raster(window=Window(0, 0, SIZE, SIZE), pixels=raster().reflectance * 0, valid=valid, scl=scl)
        assert not clear(scene, SETTINGS).any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), with_scl=st.booleans())
def test_the_answer_is_local(seed: int, with_scl: bool) -> None:
    """Cloud farther than CLEAR_RADIUS_PX from a pixel leaves its answer as it is, at the widest settings allowed."""
    widest = SETTINGS.model_copy(update={"margin_px": 40, "fallback_shadow_reach_px": 60})
    rng = np.random.default_rng(seed)
    size = 2 * CLEAR_RADIUS_PX + 41
    dark = rng.random((size // 12 + 1, size // 12 + 1)).repeat(12, 0).repeat(12, 1)[:size, :size] < 0.2
    scene = np.where(dark, np.float32(0.25), 1) * np.array(SURFACES["forest"], np.float32)[:, None, None]
    far = np.ones(dark.shape, bool)
    far[10 : size - 10, 10 : size - 10] = False
    window, valid, answers = Window(0, 0, size, size), np.ones(dark.shape, bool), []
    for cloud in (np.zeros_like(far), far):
        scl = np.where(cloud, 9, 4).astype(np.uint8) if with_scl else None
        cloudy = np.where(cloud, np.float32(0.5), scene)
        answers.append(clear(Raster(window=window, pixels=cloudy, valid=valid, scl=scl), widest))
    inner = slice(10 + CLEAR_RADIUS_PX, size - 10 - CLEAR_RADIUS_PX)
    np.testing.assert_array_equal(answers[0][inner, inner], answers[1][inner, inner])
    assert answers[0].all()
    assert not answers[1][10:40].any()
