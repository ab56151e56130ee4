"""anthropic: Anthropic's own client for Python."""

import anthropic
from anthropic import Anthropic, AsyncAnthropic
from cases import API_KEY, MODEL, URL, case, main, picture_uri

client = Anthropic(base_url=URL, api_key=API_KEY, max_retries=0)
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": picture_uri().split(",")[1]},
}
QUESTION = {"role": "user", "content": [PICTURE, {"type": "text", "text": "what color is the circle?"}]}
TOOL = {
    "name": "paint",
    "description": "Paints a shape.",
    "input_schema": {
        "type": "object",
        "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
        "required": ["color"],
    },
}


@case
def messages():
    """messages.create about a picture, and a turn after it"""
    answer = client.messages.create(model=MODEL, max_tokens=20, messages=[QUESTION])
    assert answer.content[0].text == "red" and answer.stop_reason == "end_turn"
    turns = [QUESTION, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "what color is the square?"}]
    assert client.messages.create(model=MODEL, max_tokens=20, messages=turns).content[0].text == "blue"


@case
def stream():
    """messages.stream: text_stream and get_final_message"""
    with client.messages.stream(model=MODEL, max_tokens=20, messages=[QUESTION]) as stream:
        assert "".join(stream.text_stream) == "red"
        assert stream.get_final_message().usage.output_tokens > 0


@case
def tools():
    """tools, forced, and their results sent back with the answer as it is"""
    asked = [{"role": "user", "content": "paint something"}]
    answer = client.messages.create(
        model=MODEL, max_tokens=200, messages=asked, tools=[TOOL], tool_choice={"type": "any", "disable_parallel_tool_use": True}
    )
    assert answer.stop_reason == "tool_use"
    uses = [block for block in answer.content if block.type == "tool_use"]
    assert all(use.input["color"] in ("red", "blue") for use in uses)
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "done"} for use in uses]
    after = client.messages.create(
        model=MODEL,
        max_tokens=8,
        tools=[TOOL],
        messages=[*asked, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}],
    )
    assert after.stop_reason in ("end_turn", "max_tokens")


@case
def count():
    """messages.count_tokens, and system with cache_control"""
    system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    counted = client.messages.count_tokens(model=MODEL, messages=[QUESTION], system=system).input_tokens
    answer = client.messages.create(model=MODEL, max_tokens=8, messages=[QUESTION], system=system)
    usage = answer.usage
    assert counted == usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens


@case
def models():
    """models.list"""
    assert MODEL in [model.id for model in client.models.list()]


@case
def errors():
    """errors are the client's own"""
    try:
        client.messages.create(model="nobody", max_tokens=8, messages=[QUESTION])
        raise AssertionError("no error")
    except anthropic.NotFoundError:
        pass


@case
async def asynchronous():
    """AsyncAnthropic, plain and as a stream"""
    other = AsyncAnthropic(base_url=URL, api_key=API_KEY)
    answer = await other.messages.create(model=MODEL, max_tokens=20, messages=[QUESTION])
    assert answer.content[0].text == "red"
    kinds = [event.type async for event in await other.messages.create(model=MODEL, max_tokens=20, messages=[QUESTION], stream=True)]
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop"


main()
