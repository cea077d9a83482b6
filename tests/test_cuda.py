"""The way to a graphics card, with a network on the CPU in its place; parity with a card where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_segment import CPU, WHOLE, model, raster

from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks.cuda import segmented_in_batches
from pipeline.looks.segment import NetworkSegmenter, segment

WINDOWS = [WHOLE, Window(0, 0, 16, 32), Window(16, 0, 64, 64)]


class Small(torch.nn.Module):
    """A network on a card that holds only so many windows at once."""

    def __init__(self, net: torch.nn.Module, fits: int) -> None:
        super().__init__()
        self.net, self.fits = net, fits
        self.tried: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.tried.append(len(x))
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.net(x)


@pytest.mark.parametrize(("batch", "fits"), [(1, 1), (3, 8), (8, 8), (8, 3), (16, 1)])
def test_batches_predict_what_windows_do_and_are_halved_when_memory_is_out(
    batch: int, fits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.looks.cuda.TILE_PX", 64)
    asked = model()
    margin_px = NetworkSegmenter(asked).margin_px
    outer = WHOLE.grown(margin_px)
    card = Small(asked.net, fits)
    answers = segmented_in_batches(replace(asked, net=card), raster(outer), WINDOWS, margin_px, batch)  # type: ignore[arg-type]
    expected = segment(asked, raster(outer))
    for window, answer in zip(WINDOWS, answers, strict=True):
        for name in ("pond_fraction", "ground_probability"):
            near = np.abs(getattr(answer, name).astype(int) - getattr(expected, name)[window.within(outer)])
            assert near.max() == 0
    assert max(card.tried) == min(batch, max(card.tried))
    done = [size for size in card.tried if size <= fits]
    assert max(done) <= fits
    if fits < batch:
        assert max(card.tried) > fits  # it was tried, and halved


def test_a_window_that_is_too_large_for_the_card_is_a_failed_look_with_what_to_do() -> None:
    asked = model()
    margin_px = NetworkSegmenter(asked).margin_px
    with pytest.raises(SceneError, match="--device cpu"):
        segmented_in_batches(
            replace(asked, net=Small(asked.net, 0)), raster(WHOLE.grown(margin_px)), [WHOLE], margin_px, 4  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card here")
def test_a_card_predicts_what_the_processor_does() -> None:
    asked = model()
    margin_px = NetworkSegmenter(asked).margin_px
    outer = raster(WHOLE.grown(margin_px))
    (expected,) = NetworkSegmenter(asked)(outer, [WHOLE])
    there = replace(asked, net=asked.net.to("cuda"), device=torch.device("cuda"))
    (answer,) = NetworkSegmenter(there, 4)(outer, [WHOLE])
    apart = np.abs(answer.pond_fraction.astype(int) - expected.pond_fraction.astype(int))
    assert apart.max() <= 1
    assert asked.device == CPU
