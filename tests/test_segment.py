from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import aligned_windows

from pipeline import bands
from pipeline.config import load
from pipeline.grid import ALIGN_PX, Window
from pipeline.looks.card import ModelCard
from pipeline.looks.codes import LEVELS, to_codes
from pipeline.looks.network import Network, NetworkSpec, receptive_radius_px, to_bf16
from pipeline.looks.segment import NetworkSegmenter, segment
from pipeline.looks.weights import Model, Resolved, has_bf16, load_model
from pipeline.raster import Raster
from pipeline.training.score import raster_of, scores_of, validation_looks

CPU = torch.device("cpu")
WHOLE = Window(-64, -64, 208, 208)
PRECISIONS: list[Resolved] = ["fp32", "bf16"] if has_bf16(CPU) else ["fp32"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model(precision: Resolved = "fp32", widths: tuple[int, ...] = (8, 12, 16)) -> Model:
    torch.manual_seed(3)
    spec = NetworkSpec(widths=widths)
    card = ModelCard.model_validate(
        {
            "name": "random",
            "bands": bands.NAMES,
            "mean": (0.15,) * 6,
            "std": (0.1,) * 6,
            "network": spec,
            "receptive_radius_px": receptive_radius_px(spec),
            "bf16": True,
            "sha256": "0" * 64,
            "training": {"seed": 0, "command": "", "worlds": "", "steps": 0, "commit": ""},
            "scores": {"set": "none"},
        }
    )
    net = Network(spec)
    net.head.weight.data *= 6  # spreads the codes, so that a difference shows
    if precision == "bf16":
        to_bf16(net)
    return Model(net.to(memory_format=torch.channels_last).eval(), card, CPU, precision)


def raster(window: Window) -> Raster:
    """Reflectance that depends on the place on the grid only."""
    rng = np.random.default_rng(5)
    plane = rng.uniform(0, 0.5, (6, 512, 512)).astype(np.float32)
    rows = np.arange(window.row, window.row + window.height) % 512
    cols = np.arange(window.col, window.col + window.width) % 512
    reflectance = plane[:, rows][:, :, cols]
    valid = reflectance[0] > 0.02
    return Raster(window=window, pixels=np.where(valid, reflectance, 0), valid=valid, scl=None)


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=12, deadline=None)
@given(part=aligned_windows(WHOLE, 80), more=st.integers(0, 2), rows=st.sampled_from([2, 6, 8, 40]))
def test_codes_are_the_same_when_cut_otherwise_or_rolled_over_rows(
    precision: Resolved, part: Window, more: int, rows: int
) -> None:
    asked = model(precision)
    ours = NetworkSegmenter(asked)
    outer = WHOLE.grown(ours.margin_px)
    expected = segment(asked, raster(outer))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.looks.network_input.rows_at_once", lambda width: rows)
        (answer,) = ours(raster(part.grown(ours.margin_px + more * ALIGN_PX)), [part])
    for name in ("pond_fraction", "ground_probability"):
        np.testing.assert_array_equal(getattr(answer, name), getattr(expected, name)[part.within(outer)])
    assert len(np.unique(expected.pond_fraction[part.within(outer)])) > 20


def test_codes_differ_at_the_edge_when_the_margin_is_missing() -> None:
    asked = model()
    inner = Window(0, 0, 64, 64)
    outer = inner.grown(NetworkSegmenter(asked).margin_px)
    with_margin = segment(asked, raster(outer)).pond_fraction[inner.within(outer)]
    assert (segment(asked, raster(inner)).pond_fraction != with_margin).any()


@pytest.mark.parametrize("window", [Window(8, 0, 16, 16), Window(0, 0, 16, 24), Window(0, 1, 16, 16)])
def test_a_window_is_refused_when_not_aligned(window: Window) -> None:
    with pytest.raises(ValueError, match="aligned"):
        segment(model(), raster(window))


def test_what_lies_under_no_data_does_not_matter_when_segmented() -> None:
    asked, window = model(), Window(0, 0, 64, 64)
    given_raster = raster(window)
    other = Raster(
        window=window,
        pixels=np.where(given_raster.valid, given_raster.reflectance, 0.7).astype(np.float32),
        valid=given_raster.valid,
        scl=None,
    )
    np.testing.assert_array_equal(segment(asked, other).pond_fraction, segment(asked, given_raster).pond_fraction)


def test_codes_are_rounded_probabilities_when_logits_are_extreme_or_zero() -> None:
    logits = np.array([-1e4, -80, 0, 2, 80, 1e4], np.float32)
    np.testing.assert_array_equal(to_codes(logits), [0, 0, LEVELS // 2, 176, LEVELS, LEVELS])


def test_shipped_model_finds_sites_and_keeps_quiet_elsewhere_when_worlds_are_new() -> None:
    looks = validation_looks(2, 256)
    shipped = load_model(load(None).model, "cpu", "fp32")
    scores = scores_of([segment(shipped, raster_of(look)) for look in looks], looks)
    assert scores.ground_iou > 0.5
    assert scores.pond_iou > 0.45
    assert 0.5 < scores.pond_area_ratio < 1.6
    assert scores.false_area_share < 0.3


def test_the_margin_covers_the_receptive_radius_in_whole_steps() -> None:
    asked = NetworkSegmenter(model())
    assert asked.margin_px % ALIGN_PX == 0
    assert asked.model.card.receptive_radius_px <= asked.margin_px < asked.model.card.receptive_radius_px + ALIGN_PX


def test_a_segmenter_is_its_model() -> None:
    asked, inner = model(), Window(48, 48, 64, 64)
    window = inner.grown(NetworkSegmenter(asked).margin_px)
    (answer,) = NetworkSegmenter(asked)(raster(window), [inner])
    whole = segment(asked, raster(window))
    np.testing.assert_array_equal(answer.ground_probability, whole.ground_probability[inner.within(window)])
