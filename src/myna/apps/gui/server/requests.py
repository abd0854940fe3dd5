"""Kinds of jobs that a page can request. Requests are stored as JSON, so that their jobs can be started again.

class ConvertRequest(Request):
    upload: str
    voice: str

@plans("convert", changes=("results",))
def plan_convert(studio: Studio, request: ConvertRequest) -> Planned:
    return Planned(SING, ConvertSong(...), title="song.wav → joe", finish=lambda number: {"result": number})

job = studio.submit("convert", request)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from myna.apps.gui.jobs import Task
from myna.apps.gui.server.events import Topic

if TYPE_CHECKING:
    from myna.apps.gui.server.context import Studio

# Each lane runs one job at a time, and the lanes run in parallel: one converts songs, one inspects, one trains, and one
# downloads and packs.
SING, LOOK, LEARN, KEEP = "sing", "look", "learn", "keep"
LANES = (SING, LOOK, LEARN, KEEP)


class Body(BaseModel):
    """Body of a request; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_halves(cls, sent: Any) -> Any:
        """Refuse an unpaired surrogate, for example half of an emoji: JSON can store it, but UTF-8 cannot."""
        try:
            "".join(texts_in(sent)).encode()
        except UnicodeEncodeError as error:
            raise PydanticCustomError("half", "a text ends or begins in the middle of a character") from error
        return sent


class Request(Body):
    """Parameters of a job."""


@dataclass(frozen=True)
class Planned:
    """A job that is ready to be queued."""

    lane: str
    task: Task[Any]
    title: str
    about: Mapping[str, Any] = field(default_factory=dict)  # items that the job works on; see the answer of GET /jobs
    first: bool = False  # whether the job runs before all waiting jobs
    finish: Callable[[Any], Mapping[str, Any]] | None = None  # returns more of `about`, given the task's result
    complete: Callable[[Any], bool] | None = None  # whether a job with this result completed its work


@dataclass(frozen=True)
class Kind:
    """A kind of job."""

    request: type[Request]
    plan: Callable[[Studio, Any], Planned]
    changes: tuple[Topic, ...]  # lists that change when such a job ends


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in a JSON value, including the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in (*value, *value.values()):
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


KINDS: dict[str, Kind] = {}

Plan = TypeVar("Plan", bound=Callable[..., Planned])


def plans(kind: str, *, changes: tuple[Topic, ...] = ()) -> Callable[[Plan], Plan]:
    """Return a decorator that registers a function to check a request, its second parameter, and to plan the job."""

    def register(plan: Plan) -> Plan:
        from myna.apps.gui.server.context import Studio

        hints = get_type_hints(plan, localns={"Studio": Studio})
        (request,) = [hint for hint in hints.values() if isinstance(hint, type) and issubclass(hint, Request)]
        assert kind not in KINDS, f"two plans for jobs of the kind {kind}"
        KINDS[kind] = Kind(request, plan, changes)
        return plan

    return register
