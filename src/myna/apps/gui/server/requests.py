"""Kinds of jobs that a page can request. A request is stored as JSON, from which the job can be started again.

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

# Each lane runs one job at a time, and the lanes run in parallel. Thus a song can be converted while one voice is
# inspected, another is trained, and a third is downloaded or packed.
SING, LOOK, LEARN, KEEP = "sing", "look", "learn", "keep"
LANES = (SING, LOOK, LEARN, KEEP)


class Body(BaseModel):
    """Body of a request; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_halves(cls, sent: Any) -> Any:
        """Refuse half of a surrogate pair, for example of an emoji that was cut: JSON can store it, UTF-8 cannot."""
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
    about: Mapping[str, Any] = field(default_factory=dict)  # what it works on; see the answer of GET /jobs
    first: bool = False  # whether it goes before all waiting jobs
    finish: Callable[[Any], Mapping[str, Any]] | None = None  # turns the task's result into more of `about`
    complete: Callable[[Any], bool] | None = None  # whether a job with this result did all of its work


@dataclass(frozen=True)
class Kind:
    """A kind of job."""

    request: type[Request]
    plan: Callable[[Studio, Any], Planned]
    changes: tuple[Topic, ...]  # lists that the end of such a job changes


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
    """Register a function that checks a request and plans its job. Its second parameter is the request."""

    def register(plan: Plan) -> Plan:
        from myna.apps.gui.server.context import Studio

        hints = get_type_hints(plan, localns={"Studio": Studio})
        (request,) = [hint for hint in hints.values() if isinstance(hint, type) and issubclass(hint, Request)]
        assert kind not in KINDS, f"two plans for jobs of the kind {kind}"
        KINDS[kind] = Kind(request, plan, changes)
        return plan

    return register
