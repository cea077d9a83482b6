import hashlib
from pathlib import Path

import pytest
import torch

from pipeline import bands
from pipeline.errors import InputError
from pipeline.looks import weights
from pipeline.looks.card import CARD, ModelCard, read_card
from pipeline.looks.network import Network, NetworkSpec, receptive_radius_px
from pipeline.looks.weights import WEIGHTS, load_model, save_model

SPEC = NetworkSpec(widths=(4, 6))


def card(**changes: object) -> ModelCard:
    return ModelCard.model_validate(
        {
            "name": "tiny",
            "bands": bands.NAMES,
            "mean": (0.1,) * 6,
            "std": (0.05,) * 6,
            "network": {"widths": SPEC.widths},
            "receptive_radius_px": receptive_radius_px(SPEC),
            "bf16": False,
            "sha256": "0" * 64,
            "training": {"seed": 1, "command": 'train "x"', "worlds": "", "steps": 0, "commit": "0"},
            "scores": {"set": "nothing at all", "pond_iou": 0.5},
            "calibration": {"slope": 1.5},
            "notes": 'one line, with "quotes" and ö\nand another',
        }
        | changes
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "tiny", Network(SPEC), card())
    return tmp_path / "tiny"


def damage(folder: Path, old: str, new: str) -> None:
    text = (folder / CARD).read_text()
    assert old in text
    (folder / CARD).write_text(text.replace(old, new))


def test_card_and_weights_come_back_when_saved(folder: Path) -> None:
    torch.manual_seed(0)
    net = Network(SPEC)
    model = load_model(str(folder), "cpu", "fp32")
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert model.card == card(sha256=sha256)
    assert model.precision == "fp32"
    assert not model.net.training
    for key, value in net.state_dict().items():
        assert torch.equal(model.net.state_dict()[key], value)


def test_model_is_found_by_name_when_in_models(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.joinpath("models").mkdir()
    folder.rename(folder.parent / "models" / "tiny")
    monkeypatch.setattr(weights, "ROOT", folder.parent)
    assert load_model("tiny").card.name == "tiny"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("mean =", "means =", "mean: Field required"),
        ('"B02", "B03"', '"B03", "B02"', "bands: "),
        ("receptive_radius_px = ", "receptive_radius_px = 9", "receptive_radius_px is"),
        ("bf16 = false", 'bf16 = "no"', "bf16: "),
        ("std = [0.05", "std = [0.0", "std must be above 0"),
        ("std = [0.05, ", "std = [", "one number per band"),
        ("bf16 = false", "bf16 = false\nbf17 = true", "bf17: "),
        ('set = "nothing at all"', "", "set"),
        ("bf16 = false", "bf16 = ", "not TOML"),
        ("widths = [4, 6]", "widths = []", "widths: "),
    ],
)
def test_card_is_refused_in_one_line_when_wrong(folder: Path, old: str, new: str, says: str) -> None:
    damage(folder, old, new)
    with pytest.raises(InputError, match=says) as caught:
        load_model(str(folder))
    assert "\n" not in str(caught.value)
    assert CARD in str(caught.value)


def test_weights_are_refused_when_a_byte_changed(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        load_model(str(folder))


def test_weights_are_refused_when_not_safetensors(folder: Path) -> None:
    sha256 = read_card(folder / CARD).sha256
    (folder / WEIGHTS).write_bytes(b"not safetensors")
    damage(folder, sha256, hashlib.sha256(b"not safetensors").hexdigest())
    with pytest.raises(InputError, match="not safetensors"):
        load_model(str(folder))


def test_weights_are_refused_when_of_another_network(folder: Path) -> None:
    other = NetworkSpec(widths=(5, 6))
    save_model(folder, Network(other), card())
    with pytest.raises(InputError, match="do not fit"):
        load_model(str(folder))


def test_one_line_is_said_when_the_weights_are_missing(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match="cannot be read"):
        load_model(str(folder))


def test_known_models_are_listed_when_the_name_is_unknown() -> None:
    with pytest.raises(InputError, match="no model 'nothing'"):
        load_model("nothing")


def test_cuda_is_refused_when_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="cuda"):
        load_model(str(folder), "cuda")
    assert load_model(str(folder), "auto").device.type == "cpu"


def test_bf16_is_used_only_when_card_and_processor_allow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "has_bf16", lambda device: True)
    assert load_model(str(folder)).precision == "fp32"
    with pytest.raises(InputError, match="not allowed by the card"):
        load_model(str(folder), precision="bf16")
    damage(folder, "bf16 = false", "bf16 = true")
    assert load_model(str(folder)).precision == "bf16"
    assert load_model(str(folder), precision="fp32").precision == "fp32"
    monkeypatch.setattr(weights, "has_bf16", lambda device: False)
    assert load_model(str(folder)).precision == "fp32"
    with pytest.raises(InputError, match="does not have it"):
        load_model(str(folder), precision="bf16")


def test_margin_covers_the_radius_in_whole_steps_when_asked() -> None:
    radius = card().receptive_radius_px
    assert card().margin_px % 16 == 0
    assert radius <= card().margin_px < radius + 16
