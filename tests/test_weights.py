import hashlib
import re
import tomllib
from pathlib import Path

import pytest
import tomli_w
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from strategies import calibrations

from pipeline import bands, resources
from pipeline.errors import InputError
from pipeline.looks import weights
from pipeline.looks.calibration import Calibration, upgraded
from pipeline.looks.card import CARD, ModelCard, read_card, write_card
from pipeline.looks.network import MAX_RECEPTIVE_RADIUS_PX, Network, NetworkSpec, receptive_radius_px
from pipeline.looks.weights import WEIGHTS, load_model, save_model

SPEC = NetworkSpec(widths=(4, 6))
VERSION_1 = """# The card of a trained model: what it is, how it was made, how well it does.
name = "third"
bands = ["B02", "B03", "B04", "B08", "B11", "B12"]
mean = [0.079, 0.0998, 0.0992, 0.3149, 0.2629, 0.1704]
std = [0.1353, 0.1347, 0.162, 0.1357, 0.1507, 0.1533]
receptive_radius_px = 47
bf16 = true
sha256 = "1ab9c318c39e6fed617c8f9d148bc5f282c9b1df06f4c1926c88225417b522a4"
notes = "No image of a real leach pond was available; every score is on simulated worlds."

[network]
widths = [48, 64, 96]

[training]
seed = 12
command = "leachwatch train --out models/third --minutes 65 --seed 12 --base second --backgrounds backgrounds/training"
worlds = "simulated worlds, styles dry, kachin, plain, shan, made as needed from the seed; 35% of the chips on real ground in backgrounds/training; began with the weights of second and went 50% of the way"
steps = 13000
commit = "e6499f1c3342"

[scores]
set = "simulated worlds, kachin and shan styles, seeds 900000001..900000008"
looks = 24
pond_fraction_mae = 0.2475
pond_iou = 0.3185
pond_area_ratio = 0.7145
ground_iou = 0.526
false_area_share = 0.3787
bf16_most_codes_apart = 3
bf16_iou_apart = 0.001
calibration_set = "258 reported sites (196 true) in simulated worlds, styles kachin and shan, seeds 950000001..950000128"

[calibration]
intercept = -14.473966897058302
log10_pond_m2 = 0.5101981677225816
mean_pond_fraction = 0.8659982619438781
mean_ground = 5.194572780282239
log10_ground_m2 = 1.7854413889408995
log10_looks_with_ponds = -0.386475431965305
share_of_looks_with_ponds = -0.11963168580076468
steady_pond_fraction = 2.32034734475131
steady_ground = 2.406341996649333
ground_around = -2.1690133509798004
log10_patches = -2.1410665020732877
log10_spread_px = 1.826596189298097
area_low_intercept = -0.19676840661238124
area_low_mean_pond_fraction = -0.08119422960002128
area_low_log10_looks_with_ponds = -0.08225757953272783
area_middle_intercept = 0.5543451656257186
area_middle_mean_pond_fraction = -0.885561310128327
area_middle_log10_looks_with_ponds = -0.06425169198287743
area_high_intercept = 2.174610578006449
area_high_mean_pond_fraction = -3.1252492187524057
area_high_log10_looks_with_ponds = -0.008342472482833485
per_year_cleared = 0.9423848131112056
per_year_built = 1.0002505721726778
per_year_idled = 0.17844743909146796
per_year_resumed = 0.2667356377799416
per_year_ended = 0.38984439367837614
first_none = 0.05226480836236934
first_cleared = 0.20905923344947736
first_ponds = 0.5331010452961672
first_idle = 0.11846689895470383
first_resumed = 0.03832752613240418
first_ended = 0.04878048780487805
ground_even_m2 = 12.528445948516508
ground_even_share = 0.00021761458372798094
ground_steepness = 0.8641354754439251
ponds_even_m2 = 2.083615345561943
ponds_even_share = 0.07041681602260184
ponds_steepness = 2.4095825659906227
"""
"""The card of a model as version 1 wrote it, with a flat calibration."""
FLAT: dict[str, float] = tomllib.loads(VERSION_1)["calibration"]


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
            "calibration": FLAT,
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
    monkeypatch.chdir(folder.parent)
    for name in ("tiny", "third"):  # the user's own go before the shipped ones
        path = Path("models", name)
        save_model(path, Network(SPEC), card())
        assert load_model(name).card.name == "tiny"
    assert load_model("second").card == read_card(resources.shipped("models") / "second" / CARD)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("mean =", "means =", "mean: Field required"),
        ('"B02",\n    "B03"', '"B03",\n    "B02"', "bands: "),
        ("receptive_radius_px = ", "receptive_radius_px = 9", "receptive_radius_px is"),
        ("bf16 = false", 'bf16 = "no"', "bf16: "),
        ("std = [\n    0.05", "std = [\n    0.0", "std must be above 0"),
        ("std = [\n    0.05,", "std = [", "one number per band"),
        ("bf16 = false", "bf16 = false\nbf17 = true", "bf17: "),
        ('set = "nothing at all"', "", "set"),
        ("bf16 = false", "bf16 = ", "not TOML"),
        ("4,\n    6,\n", "", "widths: "),
        ("4,\n    6,\n", "4, 6, 8, 10, 12, 14", "widths: "),
        ("4,\n    6,\n", "4, 6, 8, 10, 12", r"network: .*sees \d+ px around a pixel, .* use fewer levels"),
        ("version = 2", "version = 3", "calibration: .*newer version"),
        ("intercept = -14", "intercept = true\nmore = -14", r"calibration\.confidence\."),
        ("intercept = -14", "intercept = nan # -14", r"calibration\.confidence\.intercept: "),
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


def test_a_card_of_version_1_is_read_to_the_numbers_of_the_present_one(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(VERSION_1)
    old = read_card(tmp_path / "old.toml")
    now = read_card(resources.shipped("models") / "third" / CARD)
    assert old.model_copy(update={"scores": now.scores}) == now
    found = old.calibrated()
    assert found.confidence.log10_ground_m2 == FLAT["log10_ground_m2"]
    assert found.pond_area.high.mean_pond_fraction == FLAT["area_high_mean_pond_fraction"]
    assert found.states.per_year.overgrown == FLAT["per_year_ended"]
    assert found.states.initial.overgrown == FLAT["first_ended"]
    assert found.states.ponds.break_even_share == FLAT["ponds_even_share"]
    assert found.states.ground.log_slope == FLAT["ground_steepness"]
    assert sorted(numbers_of(found)) == sorted(FLAT.values())  # each once, and no other


def test_a_card_says_the_same_when_written_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text(VERSION_1)
    write_card(tmp_path / "new.toml", read_card(tmp_path / "old.toml"))
    assert read_card(tmp_path / "new.toml") == read_card(tmp_path / "old.toml")
    assert tomllib.loads((tmp_path / "new.toml").read_text())["calibration"]["version"] == 2


@pytest.mark.parametrize("name", FLAT)
def test_a_card_of_version_1_without_one_name_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old.toml"
    path.write_text(re.sub(rf"^{name} = .*\n", "", VERSION_1, count=1, flags=re.MULTILINE))
    with pytest.raises(InputError, match=r"calibration\.\S+: Field required") as caught:
        read_card(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert message.split(": ")[1].endswith(f".{name_now(name)}")


def test_a_card_without_one_number_is_refused_in_one_line_that_names_it(tmp_path: Path) -> None:
    content = tomllib.loads((resources.shipped("models") / "third" / CARD).read_text())
    for *tables, name in paths_of(content["calibration"]):
        table = content["calibration"]
        for key in tables:
            table = table[key]
        taken = table.pop(name)
        if name == "version":  # its default is the only layout there is
            table[name] = taken
            continue
        (tmp_path / CARD).write_text(tomli_w.dumps(content))
        with pytest.raises(InputError) as caught:
            read_card(tmp_path / CARD)
        where = ".".join(["calibration", *tables, name])
        assert str(caught.value).startswith(f"{tmp_path / CARD}: {where}: Field required; ")
        table[name] = taken


def test_a_model_without_a_calibration_is_not_run() -> None:
    for table in (None, {}):
        with pytest.raises(InputError, match="model tiny: its card has no calibration") as caught:
            card(calibration=table).calibrated()
        assert "\n" not in str(caught.value)


@given(calibrations)
def test_any_calibration_comes_back_from_a_card(tmp_path_factory: pytest.TempPathFactory, some: Calibration) -> None:
    path = tmp_path_factory.mktemp("card") / CARD
    write_card(path, card(calibration=some))
    assert read_card(path).calibrated() == some
    table = some.model_dump()
    assert upgraded(table) is table  # what is of the present layout is left as it is


@pytest.mark.parametrize("levels", [5, 6, 9])
def test_a_network_that_sees_too_far_is_refused(levels: int) -> None:
    with pytest.raises(ValidationError):
        NetworkSpec(widths=(4,) * levels)


@given(st.lists(st.integers(1, 64), min_size=1, max_size=4).map(tuple))
def test_every_network_of_four_levels_or_fewer_sees_no_farther_than_is_read(widths: tuple[int, ...]) -> None:
    assert receptive_radius_px(NetworkSpec(widths=widths)) <= MAX_RECEPTIVE_RADIUS_PX


def paths_of(table: dict[str, object], *above: str) -> list[tuple[str, ...]]:
    """Where each number of a table of tables stands."""
    found: list[tuple[str, ...]] = []
    for name, value in table.items():
        found += paths_of(value, *above, name) if isinstance(value, dict) else [(*above, name)]
    return found


def numbers_of(found: Calibration) -> list[float]:
    table = found.model_dump(exclude={"version"})
    numbers: list[float] = []
    for path in paths_of(table):
        value = table
        for key in path:
            value = value[key]
        numbers.append(value)
    return numbers


def name_now(name: str) -> str:
    """What a name of version 1 is called now, without the tables around it."""
    for prefix in ("area_low_", "area_middle_", "area_high_", "per_year_", "first_", "ground_", "ponds_"):
        if name.startswith(prefix) and name != "ground_around":
            name = name.removeprefix(prefix)
            break
    changed = {
        "ended": "overgrown",
        "even_m2": "break_even_m2",
        "even_share": "break_even_share",
        "steepness": "log_slope",
    }
    return changed.get(name, name)
