"""openai: OpenAI's own client for Python."""

import io
import json
import time
from typing import Literal

import openai
from cases import API_KEY, BASE_URL, MODEL, PICTURE_FILE, case, main, picture_uri
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

client = OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)


class Seen(BaseModel):
    color: Literal["red", "green", "blue"]
    count: int = Field(ge=1, le=9)


class Paint(BaseModel):
    """Paints a shape."""

    color: Literal["red", "blue"]
    size: int = Field(ge=1, le=3)


QUESTION = {
    "role": "user",
    "content": [
        {"type": "text", "text": "what color is the circle?"},
        {"type": "image_url", "image_url": {"url": picture_uri()}},
    ],
}
RESPONSES_QUESTION = {
    "role": "user",
    "content": [
        {"type": "input_text", "text": "what color is the circle?"},
        {"type": "input_image", "image_url": picture_uri(), "detail": "auto"},
    ],
}


@case
def models():
    """models.list and models.retrieve"""
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).object == "model"


@case
def chat():
    """chat.completions.create about a picture"""
    answer = client.chat.completions.create(model=MODEL, messages=[QUESTION], max_completion_tokens=20)
    assert answer.choices[0].message.content == "red"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@case
def chat_stream():
    """chat.completions.create, stream=True with usage"""
    stream = client.chat.completions.create(
        model=MODEL, messages=[QUESTION], stream=True, stream_options={"include_usage": True}
    )
    text, finished, usage = "", None, None
    for chunk in stream:
        for choice in chunk.choices:
            assert finished is None
            text += choice.delta.content or ""
            finished = choice.finish_reason or finished
        usage = chunk.usage or usage
    assert (text, finished) == ("red", "stop")
    assert usage.completion_tokens > 0


@case
def chat_stream_helper():
    """chat.completions.stream: events, and the snapshot at their end"""
    with client.chat.completions.stream(model=MODEL, messages=[QUESTION]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "content.delta" in kinds and "content.done" in kinds
    assert final.choices[0].message.content == "red"


@case
def chat_parse():
    """chat.completions.parse into a pydantic model"""
    answer = client.chat.completions.parse(model=MODEL, messages=[QUESTION], response_format=Seen)
    assert isinstance(answer.choices[0].message.parsed, Seen)


@case
def chat_parse_stream():
    """chat.completions.stream with response_format"""
    with client.chat.completions.stream(model=MODEL, messages=[QUESTION], response_format=Seen) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Seen)


@case
def chat_tools():
    """chat.completions.parse with openai.pydantic_function_tool, forced by name, and the result sent back"""
    tools = [openai.pydantic_function_tool(Paint)]
    messages = [{"role": "user", "content": "paint something"}]
    answer = client.chat.completions.parse(
        model=MODEL,
        messages=messages,
        tools=tools,
        tool_choice={"type": "function", "function": {"name": "Paint"}},
        parallel_tool_calls=False,
    )
    message = answer.choices[0].message
    [call] = message.tool_calls
    assert isinstance(call.function.parsed_arguments, Paint)
    # The message as it is, with all that the client's model of it has.
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    after = client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert after.choices[0].finish_reason in ("stop", "length")


@case
def chat_tools_stream():
    """chat.completions.stream with tools: argument deltas, and parsed arguments"""
    with client.chat.completions.stream(
        model=MODEL,
        messages=[{"role": "user", "content": "paint something"}],
        tools=[openai.pydantic_function_tool(Paint)],
        tool_choice="required",
    ) as stream:
        kinds = [event.type for event in stream]
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert "tool_calls.function.arguments.delta" in kinds
    assert "tool_calls.function.arguments.done" in kinds
    assert all(isinstance(call.function.parsed_arguments, Paint) for call in calls) and calls


@case
def chat_options():
    """n, seed, stop, logprobs, logit_bias, metadata, store, user, service_tier together"""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "developer", "content": "be brief"}, QUESTION],
        n=2,
        seed=1,
        temperature=0.5,
        top_p=0.9,
        stop=["\n"],
        logprobs=True,
        top_logprobs=2,
        logit_bias={"5": -1},
        frequency_penalty=0.1,
        presence_penalty=0.1,
        metadata={"run": "conformance"},
        user="somebody",
        service_tier="auto",
        max_tokens=20,
    )
    assert len(answer.choices) == 2
    assert answer.choices[0].logprobs.content[0].top_logprobs


@case
def raw_response():
    """with_raw_response: headers, request id, and parse()"""
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=[QUESTION])
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.parse().choices[0].message.content == "red"


@case
def streaming_response():
    """with_streaming_response: lines of the stream as they are"""
    with client.chat.completions.with_streaming_response.create(
        model=MODEL, messages=[QUESTION], stream=True
    ) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"


@case
def completions():
    """completions.create, plain and as a stream"""
    answer = client.completions.create(model=MODEL, prompt="a red", max_tokens=5, logprobs=1, echo=True)
    assert answer.choices[0].text.startswith("a red")
    parts = list(client.completions.create(model=MODEL, prompt="a red", max_tokens=5, stream=True))
    assert parts[-1].choices[0].finish_reason in ("stop", "length")


@case
def responses():
    """responses.create, and a turn after it by previous_response_id"""
    first = client.responses.create(model=MODEL, input=[RESPONSES_QUESTION])
    assert first.output_text == "red"
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input="and the square?", instructions="be brief"
    )
    assert second.usage.input_tokens > first.usage.input_tokens
    assert client.responses.retrieve(first.id).output_text == "red"
    assert len(list(client.responses.input_items.list(first.id))) == 1
    client.responses.delete(second.id)


@case
def responses_parse():
    """responses.parse into a pydantic model"""
    answer = client.responses.parse(model=MODEL, input=[RESPONSES_QUESTION], text_format=Seen)
    assert isinstance(answer.output_parsed, Seen)


@case
def responses_stream():
    """responses.stream: events in order, and the response at their end"""
    with client.responses.stream(model=MODEL, input=[RESPONSES_QUESTION]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert "response.output_text.delta" in kinds
    assert final.output_text == "red"


@case
def responses_tools():
    """responses.parse with a tool, forced, and its output sent back"""
    tools = [openai.pydantic_function_tool(Paint)["function"] | {"type": "function"}]
    first = client.responses.parse(model=MODEL, input="paint", tools=tools, tool_choice="required")
    calls = [item for item in first.output if item.type == "function_call"]
    assert calls and all(json.loads(call.arguments)["color"] in ("red", "blue") for call in calls)
    # As OpenAI's guide has it: the items of the answer go back as they are.
    items = [{"role": "user", "content": "paint"}, *first.output]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "done"} for call in calls]
    second = client.responses.create(model=MODEL, input=items, tools=tools)
    assert second.status in ("completed", "incomplete")


@case
def responses_background():
    """responses.create in the background, polled; responses.cancel of one that has ended"""
    response = client.responses.create(model=MODEL, input="what is red?", background=True)
    while response.status in ("queued", "in_progress"):
        time.sleep(0.1)
        response = client.responses.retrieve(response.id)
    assert response.status == "completed"


@case
def responses_counted():
    """responses.input_tokens.count and responses.compact"""
    assert client.responses.input_tokens.count(model=MODEL, input=[RESPONSES_QUESTION]).input_tokens > 100
    compacted = client.responses.compact(model=MODEL, input=[RESPONSES_QUESTION])
    assert compacted.output


@case
def embeddings():
    """embeddings.create: base64 unpacked by the client, and floats"""
    packed = client.embeddings.create(model="clip", input=["a circle", "a square"])
    plain = client.embeddings.create(model="clip", input="a circle", encoding_format="float")
    assert len(packed.data) == 2
    assert all(abs(a - b) < 1e-6 for a, b in zip(packed.data[0].embedding, plain.data[0].embedding))


@case
def files_and_batches():
    """files.create, batches.create, polled, and files.content of what came out"""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "what is red?"}], "max_tokens": 5}
    lines = [
        {"custom_id": f"line-{i}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for i in range(3)
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    file = client.files.create(file=("lines.jsonl", io.BytesIO(text.encode())), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status in ("validating", "in_progress", "finalizing"):
        time.sleep(0.2)
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "completed" and batch.request_counts.completed == 3
    results = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert sorted(result["custom_id"] for result in results) == ["line-0", "line-1", "line-2"]
    assert batch.id in [one.id for one in client.batches.list(limit=5)]
    client.files.delete(file.id)


@case
def picture_file():
    """files.create of a picture, and a question about it by its id"""
    with open(PICTURE_FILE, "rb") as picture:
        file = client.files.create(file=picture, purpose="vision")
    assert client.files.wait_for_processing(file.id).status == "processed"
    content = [
        {"type": "input_text", "text": "what color is the circle?"},
        {"type": "input_image", "file_id": file.id, "detail": "auto"},
    ]
    assert client.responses.create(model=MODEL, input=[{"role": "user", "content": content}]).output_text == "red"
    client.files.delete(file.id)


@case
def transcription():
    """audio.transcriptions.create, plain and as a stream"""
    sound = silence()
    assert isinstance(client.audio.transcriptions.create(model="whisper-1", file=sound).text, str)
    kinds = [
        event.type
        for event in client.audio.transcriptions.create(model="whisper-1", file=silence(), stream=True)
    ]
    assert kinds[-1] == "transcript.text.done"


def silence() -> tuple[str, bytes]:
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"\0\0" * 16000)
    return ("silence.wav", out.getvalue())


@case
def errors():
    """errors are the client's own: NotFoundError, BadRequestError with param and code"""
    try:
        client.chat.completions.create(model="nobody", messages=[QUESTION])
        raise AssertionError("no error")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found"
    try:
        client.chat.completions.create(model=MODEL, messages=[QUESTION], temperature=9)
        raise AssertionError("no error")
    except openai.BadRequestError as error:
        assert error.param == "temperature"


@case
async def asynchronous():
    """AsyncOpenAI: eight at once, a stream, and one that is left in the middle"""
    import asyncio

    async with AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY) as other:
        create = other.chat.completions.create
        answers = await asyncio.gather(*(create(model=MODEL, messages=[QUESTION]) for _ in range(8)))
        assert {answer.choices[0].message.content for answer in answers} == {"red"}
        stream = await create(model=MODEL, messages=[QUESTION], stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "red"
        stream = await create(
            model=MODEL, messages=[QUESTION], stream=True, max_tokens=500, extra_body={"ignore_eos": True}
        )
        async for _ in stream:
            break
        await stream.close()
        assert (await create(model=MODEL, messages=[QUESTION])).choices[0].message.content == "red"


main()
