from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scenes import forest, write

from pipeline.bands import NAMES
from pipeline.errors import InputError
from pipeline.resources import shipped
from pipeline.training.backgrounds import MARGIN_PX, painted, read_background, read_backgrounds

START, END = date(2023, 1, 1), date(2025, 12, 31)
SHAPE = (200, 216)


def test_backgrounds_are_read_by_the_rules_of_the_folder_source(tmp_path: Path) -> None:
    numbers = np.concatenate([forest(SHAPE), np.full((1, *SHAPE), 4, np.uint16)])
    numbers[:6, :10] = 65535
    numbers[6, 100, 100] = 9
    path = write(tmp_path / "20250105.tif", numbers, names=(*NAMES, "SCL"), nodata=65535)
    scene = read_background(path)
    np.testing.assert_allclose(scene.reflectance[:, 20:], forest(SHAPE)[:, 20:] * 0.0001, atol=1e-6)
    assert not scene.clear[:10].any()
    assert not scene.clear[100, 100 : 101 + MARGIN_PX].any()
    assert scene.clear[150:].all()


def test_what_cannot_be_a_background_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no GeoTIFF"):
        read_backgrounds(tmp_path)
    path = write(tmp_path / "20250105.tif", forest(SHAPE)[:5], names=NAMES[:5])
    with pytest.raises(InputError, match=r"20250105.tif: cannot be used as background: band B12 missing"):
        read_background(path)


def test_painted_sites_change_the_ground_where_they_are_and_nowhere_else() -> None:
    scene = read_background(shipped("backgrounds") / "training" / "20170115_texas.tif")
    plain, none, _ = painted(scene, np.random.default_rng([3, 9]), 256, 0, START, END)
    assert none == ()
    assert not plain.ground.any()
    for seed in range(6):
        rng = np.random.default_rng([seed, 9])
        look, sites, day = painted(scene, rng, 256, 3, START, END)
        if look.pond_fraction.any():
            break
    assert sites
    alive = sum(pond.area_m2 / 100 for site in sites for pond in site.ponds_on(day))
    assert look.pond_fraction.sum() == pytest.approx(alive, rel=0.05)
    turned = {
        np.rot90(side, k).tobytes() for side in (scene.reflectance[0], scene.reflectance[0][:, ::-1]) for k in range(4)
    }
    away = look.reflectance[0]
    near = min(int((away != np.frombuffer(one, np.float32).reshape(256, 256)).sum()) for one in turned)
    assert 0 < near < 0.6 * away.size  # most of the scene is as it was
