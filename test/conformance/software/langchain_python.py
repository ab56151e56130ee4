"""langchain-openai: LangChain for Python."""

from typing import Literal

from cases import API_KEY, BASE_URL, MODEL, case, main, picture_uri
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel, Field


class Seen(BaseModel):
    """What is to be seen."""

    color: Literal["red", "green", "blue"]
    count: int = Field(ge=1, le=9)


@tool
def paint(color: Literal["red", "blue"]) -> str:
    """Paints a shape."""
    return f"painted {color}"


def chat(**options) -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=API_KEY, max_retries=0, temperature=0, **options)


QUESTION = HumanMessage(
    [
        {"type": "text", "text": "what color is the circle?"},
        {"type": "image_url", "image_url": {"url": picture_uri()}},
    ]
)


@case
def invoke():
    """ChatOpenAI.invoke about a picture, with usage"""
    answer = chat().invoke([QUESTION])
    assert answer.content == "red"
    assert answer.usage_metadata["output_tokens"] > 0


@case
def standard_picture():
    """a picture in LangChain's own spelling"""
    data = picture_uri().split(",")[1]
    part = {"type": "image", "base64": data, "mime_type": "image/png"}
    content = [{"type": "text", "text": "what color is the circle?"}, part]
    assert chat().invoke([HumanMessage(content)]).content == "red"


@case
def stream():
    """ChatOpenAI.stream, with usage in its last chunk"""
    whole = None
    for chunk in chat(stream_usage=True).stream([QUESTION]):
        whole = chunk if whole is None else whole + chunk
    assert whole.content == "red"
    assert whole.usage_metadata["input_tokens"] > 100


@case
def batch():
    """a chain of prompt and model, batch"""
    chain = ChatPromptTemplate.from_messages([("system", "be brief"), ("user", "what is {what}?")]) | chat(max_tokens=8)
    assert len(chain.batch([{"what": "red"}, {"what": "blue"}, {"what": "a circle"}])) == 3


@case
def structured():
    """with_structured_output: json_schema, function_calling"""
    for method in ("json_schema", "function_calling"):
        assert isinstance(chat().with_structured_output(Seen, method=method).invoke([QUESTION]), Seen)
    raw = chat().with_structured_output(Seen, include_raw=True).invoke([QUESTION])
    assert raw["parsing_error"] is None
    # The answer as it came goes back into the conversation.
    assert chat().invoke([QUESTION, raw["raw"], HumanMessage("and the square?")]).content


@case
def structured_json_mode():
    """with_structured_output: json_mode is an object"""
    answer = chat(max_tokens=60).with_structured_output(None, method="json_mode").invoke([QUESTION])
    assert isinstance(answer, dict)


@case
def tools():
    """bind_tools, forced, and the tool's message sent back"""
    forced = chat().bind_tools([paint], tool_choice="paint", strict=True, parallel_tool_calls=False)
    messages = [HumanMessage("paint something")]
    answer = forced.invoke(messages)
    [call] = answer.tool_calls
    result = paint.invoke(call)
    assert isinstance(result, ToolMessage)
    after = chat(max_tokens=8).bind_tools([paint]).invoke([*messages, answer, result])
    assert isinstance(after.content, str)


@case
def tools_stream():
    """bind_tools, forced, streamed in chunks of calls"""
    whole = None
    for chunk in chat().bind_tools([paint], tool_choice="required").stream("paint something"):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls and all(call["args"]["color"] in ("red", "blue") for call in whole.tool_calls)


@case
def responses():
    """use_responses_api: an answer, a turn after it, a stream"""
    model = chat(use_responses_api=True)
    first = model.invoke([QUESTION])
    assert first.text == "red"
    second = model.invoke([QUESTION, first, HumanMessage("what color is the square?")])
    assert second.text == "blue"
    by_id = model.invoke(
        [HumanMessage("what color is the square?")], previous_response_id=first.response_metadata["id"]
    )
    assert by_id.text == "blue"
    assert "".join(chunk.text for chunk in model.stream([QUESTION])) == "red"


@case
def responses_tools():
    """use_responses_api: structured output, and a tool's result sent back"""
    model = chat(use_responses_api=True)
    assert isinstance(model.with_structured_output(Seen).invoke([QUESTION]), Seen)
    messages = [HumanMessage("paint something")]
    answer = model.bind_tools([paint], tool_choice="paint").invoke(messages)
    results = [paint.invoke(call) for call in answer.tool_calls]
    assert results
    assert model.bind_tools([paint]).invoke([*messages, answer, *results]).response_metadata["id"]


@case
async def asynchronous():
    """ainvoke and astream_events"""
    assert (await chat().ainvoke([QUESTION])).content == "red"
    events = [event["event"] async for event in chat().astream_events([QUESTION])]
    assert "on_chat_model_stream" in events


@case
def completions():
    """OpenAI, the older class: invoke and stream"""
    model = OpenAI(model=MODEL, base_url=BASE_URL, api_key=API_KEY, max_tokens=5, max_retries=0)
    assert isinstance(model.invoke("a red"), str)
    assert "".join(model.stream("a red"))


@case
def embeddings():
    """OpenAIEmbeddings with check_embedding_ctx_length=False"""
    model = OpenAIEmbeddings(model="clip", base_url=BASE_URL, api_key=API_KEY, check_embedding_ctx_length=False)
    [one, two] = model.embed_documents(["a circle", "a square"])
    assert len(one) == len(two) and one != two
    # One alone and two in a batch: the same to rounding.
    assert all(abs(a - b) < 1e-5 for a, b in zip(model.embed_query("a circle"), one))


@case
def token_counting():
    """get_num_tokens_from_messages is the client's own: it asks nothing of the server"""
    assert chat(custom_get_token_ids=lambda text: list(text.encode())).get_num_tokens("abc") == 3


main()
