"""Matrix products by OpenBLAS: torch's values and gradients, whatever the strides, and only where they are meant."""

import os
import signal
import subprocess
import sys
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from drdoctl.core.processor import blas  # noqa: E402
from drdoctl.engine.launch import environment  # noqa: E402
from drdoctl.train import products  # noqa: E402

CPU = {"processes": 1, "threads": 1, "device": "cpu"}


@pytest.fixture
def openblas(monkeypatch):
    """Take them whatever the machine, and count them."""
    made = []
    plain = products.np.matmul
    monkeypatch.setattr(products, "LEAST", 1)
    monkeypatch.setattr(products, "by_openblas", lambda: True)
    monkeypatch.setattr(products.np, "matmul", lambda *args, **more: made.append(1) or plain(*args, **more))
    return made


def close(found, want, largest=None):
    """Within float32's rounding of a float64 value, by the largest of them (or of what they were summed from)."""
    assert found.dtype == torch.float32
    assert (found.double() - want).abs().max() <= 1e-6 * (want if largest is None else largest).abs().max()


def layer_of(inner, outer, *, bias):
    torch.manual_seed(0)
    layer = nn.Linear(inner, outer, bias=bias)
    products.use_products(layer)
    return layer


@pytest.mark.parametrize("shape", [(40, 24), (2, 33, 24), (1, 2, 50, 24)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_torchs(openblas, shape, bias):
    """Values and all three gradients, against float64."""
    layer, x = layer_of(24, 70, bias=bias), torch.randn(*shape, requires_grad=True)
    weight = torch.randn(*shape[:-1], 70)
    (layer(x) * weight).sum().backward()
    assert len(openblas) == 3
    wide = nn.Linear(24, 70, bias=bias).double()
    wide.load_state_dict(layer.state_dict())
    y = x.detach().double().requires_grad_()
    out = F.linear(y, wide.weight, wide.bias)
    (out * weight.double()).sum().backward()
    close(layer(x).detach(), out.detach())
    close(x.grad, y.grad)
    for own, other in zip(layer.parameters(), wide.parameters(), strict=True):
        close(own.grad, other.grad)


@pytest.mark.parametrize(
    ("x", "weight"),
    [
        (lambda: torch.randn(24, 40).T, lambda: torch.randn(24, 70).T),
        (lambda: torch.randn(80, 48)[::2, :24], lambda: torch.randn(70, 48)[:, ::2]),
        (lambda: torch.randn(1, 24).expand(40, 24), lambda: torch.randn(70, 1).expand(70, 24)),
        (lambda: torch.randn(3, 24, 40).transpose(1, 2), lambda: torch.randn(70, 24)),
    ],
)
def test_any_strides(openblas, x, weight):
    """Transposed, cut and repeated matrices."""
    torch.manual_seed(0)
    x, weight = x(), weight()
    summed = x.double().abs() @ weight.double().T.abs()  # the rows that repeat a number sum to next to nothing
    close(products.product(x, weight), x.double() @ weight.double().T, summed)
    assert openblas


def test_a_gradient_that_is_one_number(openblas):
    """The gradient of a plain sum has no strides of its own."""
    layer, x = layer_of(24, 70, bias=False), torch.randn(40, 24)
    layer(x).sum().backward()
    close(layer.weight.grad, x.double().sum(0).expand(70, 24))


def test_frozen_weights_keep_nothing(openblas):
    """Under an adapter a frozen matrix has no gradient, and its layer keeps no states for one."""
    layer, x = layer_of(24, 70, bias=False), torch.randn(40, 24, requires_grad=True)
    layer.weight.requires_grad_(False)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.shape) or t, lambda t: t):
        out = layer(x)
    out.sum().backward()
    assert kept == [layer.weight.shape]
    assert layer.weight.grad is None
    close(x.grad, layer.weight.double().sum(0).expand(40, 24))


def test_the_first_layer_has_no_gradient_by_states(openblas):
    """Nothing is made that nobody asks for."""
    layer = layer_of(24, 70, bias=False)
    layer(torch.randn(40, 24)).sum().backward()
    assert len(openblas) == 2


def test_what_goes_to_torch(openblas, monkeypatch):
    """Little, float64 and autocast are torch's own, in the same bits."""
    layer = layer_of(24, 70, bias=True)
    for x in (torch.randn(products.ROWS - 1, 24), torch.randn(0, 24)):  # few rows, none
        torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias), rtol=0, atol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(torch.randn(40, 24)).dtype == torch.bfloat16
    assert layer.double()(torch.randn(40, 24, dtype=torch.float64)).dtype == torch.float64
    monkeypatch.setattr(products, "LEAST", 40 * 24 * 70 + 1)
    layer.float()(torch.randn(40, 24))
    assert not openblas


def test_threads_share_the_rows(openblas, monkeypatch):
    """With as many threads as torch has, a part of the rows each, the values are those of one thread."""
    monkeypatch.setattr(products, "SHARED", 1)
    threads, x, weight = torch.get_num_threads(), torch.randn(2, 101, 24), torch.randn(70, 24)
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(products.product(x, weight))
    finally:
        torch.set_num_threads(threads)
    assert len(openblas) == 1 + 2 + 3
    for one in found:
        close(one, x.double() @ weight.double().T)
    for rows in (1, 5, 101):
        cut = list(products._parts(rows, 3))
        assert [row for part in cut for row in range(rows)[part]] == list(range(rows))


def test_a_fork_has_threads_of_its_own(openblas, monkeypatch):
    """A process that is forked after its parent's threads were at work goes on without waiting for them."""
    monkeypatch.setattr(products, "SHARED", 1)
    threads, x, weight = torch.get_num_threads(), torch.randn(101, 24), torch.randn(70, 24)
    try:
        torch.set_num_threads(2)
        want = products.product(x, weight)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
            child = os.fork()
        if child == 0:
            signal.alarm(60)
            os._exit(0 if torch.equal(products.product(x, weight), want) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        torch.set_num_threads(threads)


def test_what_is_not_finite_is_passed_on_in_silence(openblas):
    """As torch does it: no warning, and no other row is touched."""
    x, weight = torch.randn(40, 24), torch.randn(70, 24)
    x[3, 5] = float("inf")
    weight[0, 5] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = products.product(x, weight)
    assert found[3, 0].isnan()
    assert found[3, 1:].isinf().all()
    assert found[torch.arange(40) != 3].isfinite().all()


def test_gradients_of_gradients_are_refused(openblas):
    """There are none, and whoever asks is told."""
    layer = layer_of(24, 70, bias=False)
    x = torch.randn(40, 24, requires_grad=True)
    (grad,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@pytest.fixture
def onednn(monkeypatch):
    """Let few rows go to oneDNN whatever their number of multiply-adds, and count them."""
    asked = []
    plain = products._of_few
    monkeypatch.setattr(products, "LEAST_OF_FEW", 1)
    monkeypatch.setattr(products, "_of_few", lambda *args: asked.append(1) or plain(*args))
    return asked


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
@pytest.mark.parametrize("x", [torch.randn(1, 24), torch.randn(64, 1, 24), torch.randn(24, 40).T])
@pytest.mark.parametrize("bias", [True, False])
def test_few_rows_without_gradients_go_to_onednn(openblas, onednn, x, bias):
    """A step of sampling: the values are float64's, of layers and of bare products."""
    layer = layer_of(24, 70, bias=bias)
    wide = F.linear(x.double(), layer.weight.double(), None if layer.bias is None else layer.bias.double())
    with torch.inference_mode():
        close(layer(x), wide.detach(), x.double().abs() @ layer.weight.double().abs().T)
        torch.testing.assert_close(products.product(x, layer.weight, layer.bias), layer(x), rtol=0, atol=0)
    assert len(onednn) == 3
    assert not openblas


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_a_bias_of_any_strides(openblas, onednn):
    """oneDNN would read past what is not there."""
    x, weight, bias = torch.randn(8, 24), torch.randn(70, 24), torch.randn(70, 3)[:, 1]
    with torch.inference_mode():
        close(products.product(x, weight, bias), F.linear(x.double(), weight.double(), bias.double()))
    assert onednn


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_few_rows_after_deepspeed_has_patched_torch(openblas, onednn, monkeypatch):
    """ZeRO 3 leaves its own `linear` behind in a process, which adds a bias as dense matrices have it."""
    x, weight, bias = torch.randn(8, 24), torch.randn(70, 24), torch.randn(70)
    monkeypatch.setattr(F, "linear", lambda x, weight, bias=None: torch.addmm(bias, x, weight.t()))
    with torch.inference_mode():
        close(products.product(x, weight, bias), x.double() @ weight.double().T + bias.double())
    assert onednn


def test_what_does_not_go_to_onednn(openblas, onednn):
    """Many rows, transposed weights, float64, and whatever may want a gradient."""
    layer = layer_of(24, 70, bias=False)
    layer(torch.randn(8, 24))
    with torch.no_grad():  # a checkpointed part, which is made again with gradients
        layer(torch.randn(8, 24))
    with torch.inference_mode():
        layer(torch.randn(products.FEW + 1, 24))
        layer(torch.randn(0, 24))
        products.product(torch.randn(8, 70), layer.weight.T)
        layer.double()(torch.randn(8, 24, dtype=torch.float64))
    assert not onednn


def test_without_openblas(monkeypatch):
    """Elsewhere a layer is what it was, to the bit."""
    monkeypatch.setattr(products, "by_openblas", lambda: False)
    layer, x = layer_of(24, 70, bias=True), torch.randn(40, 24)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias), rtol=0, atol=0)
    torch.testing.assert_close(products.product(x, layer.weight), F.linear(x, layer.weight), rtol=0, atol=0)


def test_other_layers_stay():
    """What is a linear layer with more to it does its own."""

    class Special(nn.Linear):
        pass

    model = nn.Sequential(Special(4, 4), nn.Linear(4, 4))
    products.use_products(model)
    assert [("forward" in vars(layer)) for layer in model] == [False, True]


@pytest.mark.parametrize(
    ("given", "mkl", "library", "expected"),
    [
        (True, True, "scipy-openblas", True),
        (False, True, "scipy-openblas", False),
        (True, False, "scipy-openblas", False),
        (True, True, "mkl", False),
    ],
)
def test_when(monkeypatch, given, mkl, library, expected):
    """Where the process was given the kernels, torch would take MKL, and numpy has OpenBLAS."""
    monkeypatch.setattr(products, "has_wide", lambda environment: given and environment is os.environ)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: mkl)
    monkeypatch.setattr(products, "_blas_of_numpy", lambda: library)
    assert products.by_openblas.__wrapped__() is expected


def test_a_stages_process_has_them(tmp_path):
    """Where the processor has what they need, a stage's child takes them; numpy's library is the one with the name."""
    told = "from drdoctl.train import products; print(products.by_openblas(), 'openblas' in products._blas_of_numpy())"
    child = subprocess.run(
        [sys.executable, "-c", told],
        env=environment("align", CPU, offline=True),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    here, found = child.stdout.split()
    assert (here == "True") == (bool(blas(os.environ)) and torch.backends.mkl.is_available() and found == "True")
