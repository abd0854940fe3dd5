"""Resuming checks the optimizers' state and the counters like the weights: a damaged one is an error of one line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_dataset
from torch import nn
from torch.optim import AdamW
from trainings import run

from myna.errors import CheckpointError
from myna.storage import checkpoint
from myna.training.progress import checked_scaler, load_optimizer
from myna.training.state import _check_progress

FILE = Path("logs/44k/G_1.pth")
Change = Callable[[dict[int, Any]], object]


def trained_optimizer() -> AdamW:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 4))
    optimizer = AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer


MOMENTS: dict[str, Change] = {
    "another-shape": lambda state: state[3].update(exp_avg=torch.zeros(7)),
    "second-moment-of-another-shape": lambda state: state[3].update(exp_avg_sq=torch.zeros(7)),
    "nan": lambda state: state[3]["exp_avg"].fill_(float("nan")),
    "infinite": lambda state: state[3]["exp_avg_sq"].fill_(float("inf")),
    "negative-square": lambda state: state[3]["exp_avg_sq"].fill_(-1.0),
    "missing-moment": lambda state: state[3].pop("exp_avg_sq"),
    "missing-step": lambda state: state[3].pop("step"),
    "missing-entry": lambda state: state.pop(3),
    "one-too-many": lambda state: state.update({9: state[3]}),
    "another-number": lambda state: state.update({9: state.pop(3)}),
    "integers": lambda state: state[3].update(exp_avg=state[3]["exp_avg"].long()),
    "complex": lambda state: state[3].update(exp_avg=state[3]["exp_avg"].to(torch.complex64)),
    "8-bit": lambda state: state[3].update(exp_avg=state[3]["exp_avg"].to(torch.float8_e4m3fn)),
    "a-moment-of-text": lambda state: state[3].update(exp_avg="text"),
    "a-step-of-text": lambda state: state[3].update(step="12"),
    "a-step-that-is-nan": lambda state: state[3].update(step=torch.tensor(float("nan"))),
    "a-negative-step": lambda state: state[3].update(step=torch.tensor(-1.0)),
    "a-step-of-two-numbers": lambda state: state[3].update(step=torch.zeros(2)),
    "a-step-of-5000-digits": lambda state: state[3].update(step=10**5000),
    "keys-of-text": lambda state: [state.update({str(key): state.pop(key)}) for key in list(state)],  # type: ignore[call-overload]
    "an-entry-of-text": lambda state: state.update({3: "text"}),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_damaged_optimizer_state_is_refused_in_one_line(name: str) -> None:
    saved, own = copy.deepcopy(trained_optimizer().state_dict()), trained_optimizer()
    before = copy.deepcopy(own.state_dict())
    MOMENTS[name](saved["state"])
    with pytest.raises(CheckpointError, match=r"G_1\.pth does not fit this voice: [^\n]*; svc train -r starts with"):
        load_optimizer(own, saved, FILE)
    assert str(own.state_dict()) == str(before)


@pytest.mark.parametrize("state", [[1, 2], "text", 7])
def test_an_optimizer_state_of_another_type_is_refused(state: Any) -> None:
    with pytest.raises(CheckpointError, match="svc train -r"):
        load_optimizer(trained_optimizer(), {"state": state}, FILE)


def test_a_valid_optimizer_state_is_loaded_and_nothing_else_of_the_file() -> None:
    saved, own = copy.deepcopy(trained_optimizer().state_dict()), trained_optimizer()
    saved["state"][3]["more"] = "text"
    saved["param_groups"] = "text"
    load_optimizer(own, saved, FILE)
    assert own.state_dict()["state"][3].keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert torch.equal(own.state_dict()["state"][3]["exp_avg"], saved["state"][3]["exp_avg"])


SCALER = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 0}


@pytest.mark.parametrize(
    "scaler", [[1], "text", {"scale": 1.0}, SCALER | {"scale": "much"}, SCALER | {"scale": float("nan")}]
)
def test_a_damaged_gradient_scaler_is_refused(scaler: Any) -> None:
    with pytest.raises(CheckpointError, match=r"gradient scaler in .*G_1\.pth is damaged; svc train -r"):
        checked_scaler(scaler, FILE)
    assert checked_scaler(SCALER, FILE) == SCALER
    assert checked_scaler({}, FILE) == {}


@pytest.mark.parametrize(
    "value", ["12", -1, 10**5000, 1.5, [1], None, True, torch.ones(2)], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("name", ["step", "epoch", "position", "batch_size", "steps_per_epoch", "skipped_in_a_row"])
def test_damaged_counters_are_refused(name: str, value: Any) -> None:
    with pytest.raises(CheckpointError, match=rf"G_1\.pth is damaged: {name} is not a valid count; move it"):
        _check_progress({name: value}, 0, FILE)


@pytest.mark.parametrize("value", ["text", {"emb_g.weight": 3}])
def test_trained_weights_that_are_not_tensors_are_refused(value: Any) -> None:
    with pytest.raises(CheckpointError, match="trained_weights are not tensors"):
        _check_progress({"trained_weights": value}, 0, FILE)


@pytest.mark.parametrize(
    "values",
    [
        *({"iteration": value} for value in ("much", float("inf"), float("nan"), [1], 10**100)),
        *({"learning_rate": value} for value in ("much", float("inf"), {1: 2})),
        {"myna": [1, 2]},
        {"optimizer": 7},
        {"optimizer": "text"},
    ],
    ids=lambda values: "-".join(f"{key}-{type(value).__name__}" for key, value in values.items()),
)
def test_values_of_the_wrong_type_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "G_1.pth"
    content = {"model": {"emb_g.weight": torch.ones(2)}, "iteration": 3, "learning_rate": 1e-4, "optimizer": None}
    torch.save(content | values, path)
    with pytest.raises(CheckpointError, match=r"^[^\n]*G_1\.pth is damaged[: ][^\n]*$"):
        checkpoint.read(path)


@pytest.mark.usefixtures("small_and_alone")
def test_a_damaged_voice_is_not_resumed_and_a_reset_goes_on(tmp_path: Path) -> None:
    config = make_dataset(tmp_path, seconds=(0.4, 0.3))
    run(config, tmp_path, max_steps=1)
    for kind in "GD":
        path = tmp_path / f"{kind}_1.pth"
        content = torch.load(path, weights_only=True)
        content["optimizer"]["state"][3]["exp_avg"].fill_(float("nan"))
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"G_1\.pth does not fit .* contains NaN or infinity; svc train -r"):
        run(config, tmp_path, max_steps=2)
    assert run(config, tmp_path, max_steps=2, reset_optimizer=True).steps == 1

    path = tmp_path / "D_2.pth"
    content = torch.load(path, weights_only=True)
    next(iter(content["model"].values())).fill_(float("nan"))
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"D_2\.pth is damaged: 1 tensors contain NaN or infinity"):
        run(config, tmp_path, max_steps=3)
