"""instructor: pydantic models out of OpenAI's client, in each of its modes."""

from typing import Literal

import instructor
from cases import API_KEY, BASE_URL, MODEL, case, main, picture_uri
from instructor import Mode
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, ConfigDict, Field


class Seen(BaseModel):
    """What is to be seen."""

    color: Literal["red", "green", "blue"]
    count: int = Field(ge=1, le=9)


class Anything(BaseModel):
    """Whatever object: JSON mode promises no schema."""

    model_config = ConfigDict(extra="allow")


MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what color is the circle?"},
            {"type": "image_url", "image_url": {"url": picture_uri()}},
        ],
    }
]


RESPONSES_MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "what color is the circle?"},
            {"type": "input_image", "image_url": picture_uri(), "detail": "auto"},
        ],
    }
]


def messages(mode):
    return RESPONSES_MESSAGES if mode is Mode.RESPONSES_TOOLS else MESSAGES


def client(mode):
    return instructor.from_openai(OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0), mode=mode)


for mode in (Mode.TOOLS, Mode.TOOLS_STRICT, Mode.JSON_SCHEMA, Mode.RESPONSES_TOOLS):

    def run(mode=mode):
        answer = client(mode).chat.completions.create(
            model=MODEL, messages=messages(mode), response_model=Seen, max_retries=0
        )
        assert isinstance(answer, Seen)

    run.__doc__ = f"{mode.name}: a model"
    case(run)


for mode in (Mode.TOOLS, Mode.JSON_SCHEMA):

    def run(mode=mode):
        parts = list(
            client(mode).chat.completions.create_partial(model=MODEL, messages=MESSAGES, response_model=Seen)
        )
        Seen.model_validate(parts[-1].model_dump())

    run.__doc__ = f"{mode.name}: create_partial, a stream"
    case(run)


@case
def json_mode():
    """JSON: an object, whatever is in it"""
    answer = client(Mode.JSON).chat.completions.create(
        model=MODEL, messages=MESSAGES, response_model=Anything, max_retries=0
    )
    assert isinstance(answer, Anything)


@case
def iterable():
    """TOOLS: create_iterable"""
    found = list(client(Mode.TOOLS).chat.completions.create_iterable(model=MODEL, messages=MESSAGES, response_model=Seen, max_tokens=200))
    assert all(isinstance(one, Seen) for one in found)


@case
def with_completion():
    """create_with_completion: the answer beside the model"""
    seen, completion = client(Mode.TOOLS).chat.completions.create_with_completion(
        model=MODEL, messages=MESSAGES, response_model=Seen
    )
    assert isinstance(seen, Seen) and completion.usage.completion_tokens > 0


@case
def reask():
    """a validator that refuses the first answer: asked again, with the call and what was wrong"""
    from pydantic import field_validator

    asked = []

    class Picky(Seen):
        @field_validator("color")
        @classmethod
        def refuse_once(cls, value):
            asked.append(value)
            if len(asked) == 1:
                raise ValueError("look again")
            return value

    for mode in (Mode.TOOLS, Mode.JSON_SCHEMA, Mode.RESPONSES_TOOLS):
        asked.clear()
        answer = client(mode).chat.completions.create(
            model=MODEL, messages=messages(mode), response_model=Picky, max_retries=3
        )
        assert isinstance(answer, Picky) and len(asked) >= 2


@case
async def asynchronous():
    """from_openai(AsyncOpenAI)"""
    other = instructor.from_openai(AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY))
    assert isinstance(await other.chat.completions.create(model=MODEL, messages=MESSAGES, response_model=Seen), Seen)


main()
