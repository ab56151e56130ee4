"""smolagents: Hugging Face's agents, with OpenAIModel (also called OpenAIServerModel)."""

import json

from cases import API_KEY, BASE_URL, MODEL, PICTURE_FILE, case, main
from PIL import Image
from smolagents import OpenAIModel, Tool, ToolCallingAgent
from smolagents.models import ChatMessage, MessageRole

model = OpenAIModel(model_id=MODEL, api_base=BASE_URL, api_key=API_KEY, max_tokens=60)
QUESTION = ChatMessage(
    role=MessageRole.USER,
    content=[
        {"type": "image", "image": Image.open(PICTURE_FILE)},
        {"type": "text", "text": "what color is the circle?"},
    ],
)


class Paint(Tool):
    name = "paint"
    description = "Paints a shape."
    inputs = {"color": {"type": "string", "description": "which", "enum": ["red", "blue"]}}
    output_type = "string"

    def forward(self, color: str) -> str:
        return f"painted {color}"


@case
def generate():
    """generate about a picture, with usage"""
    answer = model.generate([QUESTION])
    assert answer.content == "red"
    assert answer.token_usage.input_tokens > 100


@case
def stream():
    """generate_stream"""
    assert "".join(delta.content or "" for delta in model.generate_stream([QUESTION])) == "red"


@case
def tools():
    """generate with tools_to_call_from, which forces a call"""
    asked = [ChatMessage(role=MessageRole.USER, content=[{"type": "text", "text": "paint something"}])]
    answer = model.generate(asked, tools_to_call_from=[Paint()], max_tokens=200)
    assert answer.tool_calls
    for call in answer.tool_calls:
        arguments = call.function.arguments
        assert (json.loads(arguments) if isinstance(arguments, str) else arguments)["color"] in ("red", "blue")


@case
def structured():
    """response_format"""
    schema = {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["count"]}
    answer = model.generate([QUESTION], response_format={"type": "json_schema", "json_schema": {"name": "count", "schema": schema}})
    assert 1 <= json.loads(answer.content)["count"] <= 9


@case
def agent():
    """a ToolCallingAgent: two steps, tools called in each, the conversation sent back as it writes it"""
    runner = ToolCallingAgent(tools=[Paint()], model=model, max_steps=2, verbosity_level=0, instructions="be brief", planning_interval=None)
    runner.prompt_templates["system_prompt"] = "Call a tool."
    runner.memory.system_prompt.system_prompt = "Call a tool."
    runner.run("paint something", reset=False)
    steps = [step for step in runner.memory.steps if getattr(step, "tool_calls", None)]
    assert steps, runner.memory.steps


main()
