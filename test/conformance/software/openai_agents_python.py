"""openai-agents: OpenAI's Agents SDK, over chat completions and over responses."""

from typing import Literal

from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    handoff,
    input_guardrail,
    set_tracing_disabled,
)
from cases import API_KEY, BASE_URL, MODEL, case, case_for_each, main, picture_uri
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

set_tracing_disabled(True)
client = AsyncOpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
MODELS = {
    "chat": OpenAIChatCompletionsModel(MODEL, client),
    "responses": OpenAIResponsesModel(MODEL, client),
}
QUESTION = [
    {
        "role": "user",
        "content": [
            {"type": "input_text", "text": "what color is the circle?"},
            {"type": "input_image", "image_url": picture_uri(), "detail": "auto"},
        ],
    }
]


class Seen(BaseModel):
    color: Literal["red", "green", "blue"]
    count: int = Field(ge=1, le=9)


@function_tool
def paint(color: Literal["red", "blue"]) -> str:
    """Paints a shape."""
    return f"painted {color}"


@case_for_each(MODELS, "Runner.run about a picture, and a turn after it")
async def answers(model):
    agent = Agent(name="looker", model=model, model_settings=ModelSettings(max_tokens=20))
    first = await Runner.run(agent, QUESTION)
    assert first.final_output == "red"
    second = await Runner.run(agent, [*first.to_input_list(), {"role": "user", "content": "what color is the square?"}])
    assert second.final_output == "blue"
    assert second.context_wrapper.usage.input_tokens > 100


@case_for_each(MODELS, "Runner.run_streamed")
async def streams(model):
    result = Runner.run_streamed(Agent(name="looker", model=model), QUESTION)
    kinds = [event.data.type async for event in result.stream_events() if event.type == "raw_response_event"]
    assert "response.output_text.delta" in kinds and kinds[-1] == "response.completed"
    assert result.final_output == "red"


@case_for_each(MODELS, "output_type, a pydantic model")
async def output(model):
    result = await Runner.run(Agent(name="looker", model=model, output_type=Seen), QUESTION)
    assert isinstance(result.final_output, Seen)


@case_for_each(MODELS, "a tool, forced, its result sent back, the answer after it")
async def tools(model):
    agent = Agent(
        name="painter",
        model=model,
        tools=[paint],
        model_settings=ModelSettings(tool_choice="required", max_tokens=200, parallel_tool_calls=False),
    )
    result = await Runner.run(agent, "paint something")
    assert any(item.type == "tool_call_output_item" for item in result.new_items)
    assert isinstance(result.final_output, str)


@case_for_each(MODELS, "a tool, streamed")
async def tools_streamed(model):
    settings = ModelSettings(tool_choice="required", max_tokens=200)
    agent = Agent(name="painter", model=model, tools=[paint], model_settings=settings)
    result = Runner.run_streamed(agent, "paint something")
    names = [event.name async for event in result.stream_events() if event.type == "run_item_stream_event"]
    assert "tool_called" in names and "tool_output" in names


@case_for_each(MODELS, "a handoff")
async def handoffs(model):
    other = Agent(name="answerer", model=model)
    first = Agent(
        name="first",
        model=model,
        handoffs=[handoff(other)],
        model_settings=ModelSettings(tool_choice="transfer_to_answerer", parallel_tool_calls=False),
    )
    result = await Runner.run(first, QUESTION)
    assert result.last_agent.name == "answerer"


@case_for_each(MODELS, "a guardrail")
async def guardrails(model):
    @input_guardrail
    async def never(context, agent, text):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    try:
        await Runner.run(Agent(name="looker", model=model, input_guardrails=[never]), "what is red?")
        raise AssertionError("no guardrail")
    except InputGuardrailTripwireTriggered:
        pass


@case
async def previous_response():
    """responses: previous_response_id, and auto_previous_response_id over a tool"""
    settings = ModelSettings(tool_choice="required", max_tokens=200, parallel_tool_calls=False)
    agent = Agent(name="painter", model=MODELS["responses"], tools=[paint], model_settings=settings)
    first = await Runner.run(agent, "paint something", auto_previous_response_id=True)
    again = await Runner.run(agent, "again", previous_response_id=first.last_response_id)
    assert again.last_response_id != first.last_response_id


main()
