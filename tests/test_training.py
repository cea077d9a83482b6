from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.cli import main
from pipeline.cli.train import MAX_SEED, seed
from pipeline.errors import InputError
from pipeline.looks.codes import LEVELS, Segmentation
from pipeline.looks.network import Network, NetworkSpec, interpolated
from pipeline.looks.weights import WEIGHTS, load_model
from pipeline.progress import Progress
from pipeline.training import fit as fitting
from pipeline.training.average import network_of
from pipeline.training.chips import FIRST_SEED, ChipSettings, augmented, concatenated, make_unit, stream
from pipeline.training.fit import FitSettings, fit, train
from pipeline.training.loss import loss
from pipeline.training.scaling import scaled, scaling_looks
from pipeline.training.score import VALIDATION_SEED, half_precision, predictions, scores_of, validation_looks

QUIET = Progress(quiet=True)
CHIPS = ChipSettings(chip_px=64, world_px=128, sites=1, days=1, chips=4)
TINY = FitSettings(
    steps=4,
    seed=3,
    workers=0,
    batch=2,
    steps_per_unit=2,
    pool_units=2,
    checkpoint_steps=2,
    validation_worlds=1,
    validation_px=160,
    network=NetworkSpec(widths=(4, 6)),
    chips=CHIPS,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_no_seed_of_training_makes_a_world_of_validation(capsys) -> None:
    units = 1_000_000
    assert FIRST_SEED + units * (MAX_SEED + 1) <= VALIDATION_SEED
    assert (seed("0"), seed(str(MAX_SEED))) == (0, MAX_SEED)
    for refused in (str(MAX_SEED + 1), "-1", "one"):
        with pytest.raises(ArgumentTypeError, match=f"not a number from 0 to {MAX_SEED}"):
            seed(refused)
    assert main(["train", "--out", "models/never", "--seed", "none"]) == 2
    assert f"not a number from 0 to {MAX_SEED}" in capsys.readouterr().err


def test_unit_is_the_same_when_made_again_and_another_when_of_another_seed() -> None:
    one, again, other = make_unit(1, 2, CHIPS), make_unit(1, 2, CHIPS), make_unit(2, 2, CHIPS)
    np.testing.assert_array_equal(one.reflectance, again.reflectance)
    np.testing.assert_array_equal(one.pond_percent, again.pond_percent)
    assert (one.reflectance != other.reflectance).any()


def test_labels_do_not_count_when_there_is_no_data() -> None:
    unit = make_unit(1, 0, CHIPS)
    assert len(unit) == CHIPS.days * CHIPS.chips
    x, _, _, clear = augmented(unit, np.arange(40) % len(unit), np.random.default_rng(1))
    blank = np.isnan(x).any(axis=1)
    assert 0 < blank.any(axis=(1, 2)).sum() < 20
    assert not clear[blank].any()
    assert clear.any()


def test_stream_gives_the_same_units_when_begun_later_or_made_by_processes() -> None:
    whole = [unit.reflectance for unit in stream(5, CHIPS, 0, 3, 0)]
    later = [unit.reflectance for unit in stream(5, CHIPS, 1, 3, 1)]
    assert len(whole) == 3
    for expected, found in zip(whole[1:], later, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_truth_moves_with_the_picture_when_augmented() -> None:
    unit = make_unit(1, 0, CHIPS)
    # A picture that is its own truth: wherever ground is, all bands are bright.
    unit.reflectance[:] = np.where(unit.ground, 0.5, 0.1)[:, None]
    assert unit.ground.any()
    x, _, ground, _ = augmented(unit, np.arange(len(unit)), np.random.default_rng(1))
    # SWIR is hardly touched by haze.
    data = ~np.isnan(x[:, 5])
    np.testing.assert_array_equal(x[:, 5][data] > 0.3, ground[data] > 0.5)


def test_loss_is_smaller_when_the_answer_is_right() -> None:
    pond = torch.zeros(1, 8, 8)
    pond[0, 2, 2] = 0.6
    ground, clear = torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
    ground[0, :4] = 1
    right = torch.stack([torch.logit(pond, eps=1e-3), torch.logit(ground, eps=1e-3)], dim=1)
    wrong = -right
    assert loss(right, pond, ground, clear) < 0.2 * loss(wrong, pond, ground, clear)


def test_loss_ignores_what_was_not_seen() -> None:
    pond, ground, clear = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
    clear[0, 0] = 0
    logits = torch.zeros(1, 2, 8, 8)
    before = loss(logits, pond, ground, clear)
    pond[0, 0], ground[0, 0], logits[0, :, 0] = 1, 1, -9
    assert torch.equal(loss(logits, pond, ground, clear), before)


def test_dice_costs_nothing_when_fractions_are_told_exactly() -> None:
    pond = torch.full((1, 8, 8), 0.3)
    logits = torch.logit(torch.stack([pond, pond], dim=1))
    exact = loss(logits, pond, pond, torch.ones(1, 8, 8))
    for change in (-0.5, 0.5):
        assert loss(logits + change, pond, pond, torch.ones(1, 8, 8)) > exact


def test_model_is_the_same_when_training_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(tmp_path / "whole", TINY, QUIET)
    step, done = fitting._step, [0]

    def failing(*args: object) -> float:
        done[0] += 1
        if done[0] == 4:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(fitting, "_step", failing)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "cut", TINY, QUIET)
    monkeypatch.setattr(fitting, "_step", step)
    assert not (tmp_path / "cut").exists()
    fit(tmp_path / "cut", TINY, QUIET)
    assert (tmp_path / "cut" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_checkpoint_is_refused_when_the_settings_changed(tmp_path: Path) -> None:
    state = fitting._fresh(TINY, make_unit(3, 0, CHIPS))
    fitting._write_checkpoint(tmp_path / ".m.checkpoint", state, TINY)
    with pytest.raises(InputError, match="other settings"):
        fit(tmp_path / "m", replace(TINY, rate=1.0), QUIET)


def test_card_says_what_the_scores_are_of_when_trained(tmp_path: Path) -> None:
    fit(tmp_path / "tiny", TINY, QUIET)
    card = load_model(str(tmp_path / "tiny")).card
    assert "simulated worlds" in str(card.scores["set"])
    assert "No image of a real leach pond" in card.notes
    assert card.training.steps == TINY.steps
    assert card.calibration is None


def test_train_is_refused_when_there_would_be_no_step(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one step"):
        train(tmp_path / "m", replace(TINY, steps=0), QUIET)


def test_loss_falls_when_trained_on_one_unit() -> None:
    settings = replace(TINY, batch=4, steps=60, rate=0.03, network=NetworkSpec(widths=(8, 12)))
    unit = concatenated([make_unit(3, index, CHIPS) for index in range(2)])
    state = fitting._fresh(settings, unit)
    values = []
    for state.step in range(settings.steps):
        values.append(fitting._step(state, settings, unit, np.random.default_rng(state.step)))
    assert np.mean(values[-10:]) < 0.6 * np.mean(values[:3])


def test_scores_are_perfect_when_the_truth_is_told_and_bf16_is_refused_when_it_differs() -> None:
    looks = validation_looks(1, 128)
    told = [
        Segmentation(
            pond_fraction=np.rint(look.pond_fraction * LEVELS).astype(np.uint8),
            ground_probability=(look.ground * LEVELS).astype(np.uint8),
        )
        for look in looks
    ]
    scores = scores_of(told, looks)
    assert scores.pond_iou > 0.99
    assert scores.ground_iou == 1
    assert scores.pond_fraction_mae < 0.01
    assert scores.false_area_share == 0
    assert half_precision(told, told, looks)[0]
    other = [replace(code, pond_fraction=np.minimum(code.pond_fraction, 190) + 8) for code in told]
    assert not half_precision(told, other, looks)[0]


def test_average_follows_the_network_when_it_moves() -> None:
    state = fitting._fresh(TINY, make_unit(3, 0, CHIPS))
    state.mean.update_parameters(state.net)  # the first is taken as it is
    with torch.no_grad():
        for parameter in state.net.parameters():
            parameter.add_(1)
    state.mean.update_parameters(state.net)
    kept = dict(network_of(state.mean).named_parameters())["head.bias"]
    moved = dict(state.net.named_parameters())["head.bias"]
    torch.testing.assert_close(moved - kept, torch.full_like(kept, 2 / 11))  # at first little of the past is kept


def test_sums_are_true_when_scaled_after_being_pushed_up() -> None:
    looks = scaling_looks(3, 2, 176)
    state = fitting._fresh(TINY, make_unit(3, 0, CHIPS))
    card = fitting._card("m", state, TINY)
    net = Network(TINY.network).eval()
    with torch.no_grad():
        assert net.head.bias is not None
        net.head.bias += 2
    told = predictions(scaled(net, card, looks), card, looks, "fp32")
    assert scores_of(predictions(net, card, looks, "fp32"), looks).false_area_share > 10
    for name, true in (("pond_fraction", "pond_fraction"), ("ground_probability", "ground")):
        inner = [look.clear[48:-48, 48:-48] for look in looks]
        summed = sum(
            float(getattr(code, name)[48:-48, 48:-48][seen].sum()) / LEVELS
            for code, seen in zip(told, inner, strict=True)
        )
        expected = sum(
            float(getattr(look, true)[48:-48, 48:-48][seen].sum()) for look, seen in zip(looks, inner, strict=True)
        )
        pixels = sum(int(seen.sum()) for seen in inner)
        # Codes are steps of 1/200, so that the sum of many small ones is only known to half a step each.
        assert summed == pytest.approx(expected, rel=0.02, abs=0.5 / LEVELS * pixels)


def test_a_training_that_goes_on_from_a_model_ends_half_way_to_it(tmp_path: Path) -> None:
    fit(tmp_path / "old", TINY, Progress(quiet=True))
    on = replace(TINY, base=str(tmp_path / "old"), seed=4)
    card = fit(tmp_path / "new", on, Progress(quiet=True))
    assert f"--base {tmp_path / 'old'}" in card.training.command
    assert "weight interpolation 50%" in card.training.worlds
    old, new = (load_model(str(tmp_path / name), "cpu", "fp32") for name in ("old", "new"))
    assert (new.card.mean, new.card.std) == (old.card.mean, old.card.std)
    moved = [
        float((a - b).abs().max())
        for (name, a), b in zip(old.net.state_dict().items(), new.net.state_dict().values(), strict=True)
        if not name.startswith("head")
    ]
    assert 0 < max(moved) < 4 * 6e-4  # four steps at the rate for what has learned already


def test_between_two_networks_lies_a_mean_of_their_weights() -> None:
    one, other = Network(NetworkSpec(widths=(4,))), Network(NetworkSpec(widths=(4,)))
    middle = interpolated(one, other, 0.25)
    for a, b, m in zip(one.parameters(), other.parameters(), middle.parameters(), strict=True):
        assert torch.allclose(m, 0.75 * a + 0.25 * b)
