"""Actions and tasks import nothing heavy, and a task is a typed, picklable value."""

from __future__ import annotations

import pickle
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import pytest

import myna.apps.actions
import myna.apps.gui.tasks
import processes
from myna.apps.gui.tasks import keeping, learning, singing, voices
from myna.apps.gui.tasks.learning import Train
from myna.options import TrainOptions

HEAVY = ("torch", "transformers", "scipy", "onnxruntime", "tensorboard", "lightning_fabric", "fastapi")


def modules(package: object) -> list[str]:
    name, (folder, *_) = package.__name__, package.__path__  # type: ignore[attr-defined]
    return [f"{name}.{path.stem}" for path in sorted(Path(folder).glob("*.py"))]


@pytest.mark.parametrize("package", [myna.apps.actions, myna.apps.gui.tasks], ids=["actions", "tasks"])
def test_importing_actions_and_tasks_loads_nothing_heavy(package: object) -> None:
    names = [name.removesuffix(".__init__") for name in modules(package)]
    script = f"import sys, {', '.join(names)}; sys.exit(str(set({HEAVY}) & set(sys.modules)))"
    done = processes.run([sys.executable, "-c", script])
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize("module", [keeping, learning, singing, voices])
def test_each_task_is_a_frozen_record_of_typed_arguments(module: object) -> None:
    tasks = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__ and hasattr(one, "run")  # type: ignore[attr-defined]
    ]
    assert len(tasks) >= 3
    for task in tasks:
        assert is_dataclass(task) and task.__dataclass_params__.frozen, task  # type: ignore[attr-defined]
        assert "Any" not in {spec.type for spec in fields(task)}


def test_a_task_survives_pickling_and_cannot_be_changed() -> None:
    task = Train(folder=Path("anna"), settings={"epochs": 3}, options=TrainOptions(from_scratch=True))
    assert pickle.loads(pickle.dumps(task)) == task
    with pytest.raises(FrozenInstanceError):
        task.folder = Path("bob")  # type: ignore[misc]
