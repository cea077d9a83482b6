import pytest
import torch

from pipeline.bands import BANDS
from pipeline.looks.network import Network, NetworkSpec, receptive_radius_px, without_batch_norm

SPECS = [NetworkSpec(widths=(4,)), NetworkSpec(widths=(4, 6)), NetworkSpec(widths=(3, 4, 5))]


def reaches(net: Network, size: int, row: int, col: int) -> torch.Tensor:
    """Where, (y, x), a change of the input would change the logits of one pixel."""
    x = torch.rand(1, len(BANDS), size, size, dtype=torch.float64, requires_grad=True)
    net(x)[0, :, row, col].sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(0) > 0


def all_positive(spec: NetworkSpec) -> Network:
    """A network in which every path lets something through, so that nothing hides behind a ReLU."""
    net = Network(spec).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_().add_(0.01)
    return net


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_radius_is_exactly_what_a_pixel_sees_when_pixels_are_perturbed(spec: NetworkSpec) -> None:
    net, radius, stride = all_positive(spec), receptive_radius_px(spec), spec.stride_px
    centre = -(-radius // stride) * stride
    size = 2 * centre + stride
    widest = 0
    for phase in range(stride):
        pixel = centre + phase
        for axis in (0, 1):
            seen = reaches(net, size, pixel if axis == 0 else centre, pixel if axis == 1 else centre)
            index = torch.nonzero(seen.any(dim=1 - axis)).flatten()
            widest = max(widest, pixel - int(index[0]), int(index[-1]) - pixel)
    assert widest == radius


def test_perturbing_just_outside_changes_nothing_and_just_inside_does_when_radius_is_kept() -> None:
    spec = NetworkSpec(widths=(3, 4, 5))
    net, radius = all_positive(spec), receptive_radius_px(spec)
    # Row 3 of a stride is one whose field reaches furthest up.
    size, row = 128, 64 + 3
    x = torch.rand(1, len(BANDS), size, size, dtype=torch.float64)
    before = net(x)[0, :, row, 64]
    outside, inside = x.clone(), x.clone()
    outside[0, :, row - radius - 1] += 5
    inside[0, :, row - radius] += 5
    assert torch.equal(net(outside)[0, :, row, 64], before)
    assert not torch.equal(net(inside)[0, :, row, 64], before)


def test_radius_and_stride_are_those_documented_when_default_spec() -> None:
    assert receptive_radius_px(NetworkSpec()) == 47
    assert NetworkSpec().stride_px == 8


def test_logits_are_the_same_without_batch_norm_when_norm_has_statistics() -> None:
    torch.manual_seed(1)
    net = Network(NetworkSpec(widths=(4, 6)), norm=True)
    for _ in range(5):
        net(3 + 2 * torch.randn(2, len(BANDS), 16, 16))
    net.eval()
    x = torch.randn(1, len(BANDS), 16, 16)
    plain = without_batch_norm(net)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in plain.modules())
    torch.testing.assert_close(plain(x), net(x), rtol=1e-4, atol=1e-4)


def test_output_has_two_planes_of_input_size_when_window_is_not_square() -> None:
    assert Network(NetworkSpec(widths=(4, 6)))(torch.zeros(2, len(BANDS), 16, 32)).shape == (2, 2, 16, 32)
