"""litellm: one call for many providers, as `openai/<model>` and as `anthropic/<model>`."""

import json
import os
from typing import Literal

# Its table of prices comes with it; it would look for a newer one.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from cases import API_KEY, BASE_URL, MODEL, URL, case, main, picture_uri
from pydantic import BaseModel

litellm.drop_params = False
litellm.num_retries = 0
litellm.suppress_debug_info = True
OPENAI = {"model": f"openai/{MODEL}", "api_base": BASE_URL, "api_key": API_KEY}
ANTHROPIC = {"model": f"anthropic/{MODEL}", "api_base": URL, "api_key": API_KEY, "max_tokens": 20}
HOSTED_VLLM = {"model": f"hosted_vllm/{MODEL}", "api_base": BASE_URL, "api_key": API_KEY}
MESSAGES = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what color is the circle?"},
            {"type": "image_url", "image_url": {"url": picture_uri()}},
        ],
    }
]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "paint",
            "description": "Paints a shape.",
            "parameters": {
                "type": "object",
                "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
                "required": ["color"],
            },
        },
    }
]


class Seen(BaseModel):
    color: Literal["red", "green", "blue"]


def check_chat(provider):
    answer = litellm.completion(**provider, messages=MESSAGES, temperature=0)
    assert answer.choices[0].message.content == "red"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.prompt_tokens > 100 and answer.usage.completion_tokens > 0


def check_stream(provider):
    chunks = list(
        litellm.completion(
            **provider, messages=MESSAGES, temperature=0, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "red"
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    assert whole.usage.prompt_tokens > 100


def check_tools(provider):
    messages = [{"role": "user", "content": "paint something"}]
    answer = litellm.completion(
        **provider | {"max_tokens": 200}, messages=messages, tools=TOOLS, tool_choice="required"
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    message = answer.choices[0].message
    messages.append(message)
    for call in message.tool_calls:
        assert json.loads(call.function.arguments)["color"] in ("red", "blue")
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "done"})
    after = litellm.completion(**provider | {"max_tokens": 8}, messages=messages, tools=TOOLS)
    assert after.choices[0].finish_reason in ("stop", "length")


for name, provider in (("openai", OPENAI), ("anthropic", ANTHROPIC), ("hosted_vllm", HOSTED_VLLM)):
    for what, check in (("completion", check_chat), ("stream", check_stream), ("tools", check_tools)):

        def run(check=check, provider=provider):
            check(provider)

        run.__doc__ = f"{name}/…: {what}"
        case(run)


@case
def structured():
    """response_format from a pydantic model"""
    for provider in (OPENAI, HOSTED_VLLM):
        answer = litellm.completion(**provider, messages=MESSAGES, response_format=Seen)
        Seen.model_validate_json(answer.choices[0].message.content)


@case
def structured_anthropic():
    """anthropic/…: response_format from a pydantic model"""
    answer = litellm.completion(**ANTHROPIC | {"max_tokens": 60}, messages=MESSAGES, response_format=Seen)
    Seen.model_validate_json(answer.choices[0].message.content)


@case
def responses():
    """responses, plain, a turn after it, and a stream"""
    first = litellm.responses(**OPENAI, input="what is red?")
    assert first.status in ("completed", "incomplete")
    second = litellm.responses(**OPENAI, input="and blue?", previous_response_id=first.id)
    assert second.status in ("completed", "incomplete")
    kinds = [str(getattr(event.type, "value", event.type)) for event in litellm.responses(**OPENAI, input="what is red?", stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds


@case
def embedding():
    """embedding"""
    answer = litellm.embedding(model="openai/clip", input=["a circle", "a square"], api_base=BASE_URL, api_key=API_KEY)
    assert len(answer.data) == 2


@case
def text_completion():
    """text_completion"""
    answer = litellm.text_completion(
        model=f"text-completion-openai/{MODEL}", prompt="a red", api_base=BASE_URL, api_key=API_KEY, max_tokens=5
    )
    assert answer.choices[0].finish_reason in ("stop", "length")


@case
def errors():
    """errors are litellm's own"""
    try:
        litellm.completion(**OPENAI | {"model": "openai/nobody"}, messages=MESSAGES)
        raise AssertionError("no error")
    except litellm.NotFoundError:
        pass


@case
async def asynchronous():
    """acompletion, plain and as a stream"""
    answer = await litellm.acompletion(**OPENAI, messages=MESSAGES, temperature=0)
    assert answer.choices[0].message.content == "red"
    stream = await litellm.acompletion(**OPENAI, messages=MESSAGES, temperature=0, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "red"


main()
