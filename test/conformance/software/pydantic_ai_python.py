"""pydantic-ai: agents over chat completions, responses and Anthropic's messages."""

from typing import Literal

from anthropic import AsyncAnthropic
from cases import API_KEY, BASE_URL, MODEL, PICTURE_FILE, URL, case_for_each, main
from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from pydantic_ai import Agent, BinaryContent, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

openai = OpenAIProvider(base_url=BASE_URL, api_key=API_KEY)
MODELS = {
    "chat": OpenAIChatModel(MODEL, provider=openai),
    "responses": OpenAIResponsesModel(MODEL, provider=openai),
    "anthropic": AnthropicModel(
        MODEL, provider=AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=URL, api_key=API_KEY))
    ),
}
with open(PICTURE_FILE, "rb") as file:
    QUESTION = ["what color is the circle?", BinaryContent(file.read(), media_type="image/png")]


class Seen(BaseModel):
    color: Literal["red", "green", "blue"]
    count: int = Field(ge=1, le=9)


class Colored(BaseModel):
    color: Literal["red", "green", "blue"]


@case_for_each(MODELS, "an answer about a picture, and a turn after it")
async def answers(model):
    agent = Agent(model, model_settings={"max_tokens": 20, "temperature": 0})
    first = await agent.run(QUESTION)
    assert first.output == "red"
    assert first.usage.input_tokens > 100
    second = await agent.run("what color is the square?", message_history=first.all_messages())
    assert second.output == "blue"


@case_for_each(MODELS, "a stream")
async def streams(model):
    agent = Agent(model, model_settings={"max_tokens": 20, "temperature": 0})
    async with agent.run_stream(QUESTION) as result:
        parts = [part async for part in result.stream_text(delta=True)]
    assert "".join(parts) == "red"


@case_for_each(MODELS, "output by a tool")
async def output_by_tool(model):
    agent = Agent(model, output_type=ToolOutput(Seen), model_settings={"max_tokens": 200})
    result = await agent.run(QUESTION)
    assert isinstance(result.output, Seen)
    # What has been called and answered goes back with the next question.
    again = await agent.run("and the square?", message_history=result.all_messages())
    assert isinstance(again.output, Seen)


@case_for_each(MODELS, "output by a schema")
async def output_by_schema(model):
    if isinstance(model, AnthropicModel):
        # It asks for schemas only of the models that it knows the names of.
        model = AnthropicModel(MODEL, provider=model.provider, profile={"supports_json_schema_output": True})
    # Without bounds: of schemas for Anthropic the client's library takes them out.
    agent = Agent(model, output_type=NativeOutput(Colored), model_settings={"max_tokens": 200})
    assert isinstance((await agent.run(QUESTION)).output, Colored)


@case_for_each(MODELS, "output by a tool, streamed")
async def output_streamed(model):
    agent = Agent(model, output_type=ToolOutput(Seen), model_settings={"max_tokens": 200})
    async with agent.run_stream(QUESTION) as result:
        assert isinstance(await result.get_output(), Seen)


@case_for_each(MODELS, "a choice of two outputs")
async def output_of_two(model):
    class Nothing(BaseModel):
        why: Literal["dark", "empty"]

    agent = Agent(model, output_type=[Seen, Nothing], model_settings={"max_tokens": 200})
    assert isinstance((await agent.run(QUESTION)).output, (Seen, Nothing))


main()
