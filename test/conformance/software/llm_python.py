"""llm: Simon Willison's program for the command line, with models of extra-openai-models.yaml."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import API_KEY, BASE_URL, MODEL, PICTURE_FILE, case, case_for_each, main

FOLDER = tempfile.TemporaryDirectory()
MODELS = [
    {"model_id": "aerie", "vision": True, "supports_schema": True, "supports_tools": True},
    {"model_id": "aerie-responses", "vision": True, "supports_schema": True, "responses": True},
    {"model_id": "aerie-text", "completion": True},
]
# JSON is YAML.
Path(FOLDER.name, "extra-openai-models.yaml").write_text(
    json.dumps([{**model, "model_name": MODEL, "api_base": BASE_URL} for model in MODELS])
)


def llm(*arguments: str) -> str:
    program = Path(sys.executable).with_name("llm")
    environment = {**os.environ, "LLM_USER_PATH": FOLDER.name}
    # It reads what it is piped before it asks.
    done = subprocess.run(
        [program, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


PICTURE = ["-a", PICTURE_FILE, "--key", API_KEY]
QUESTION = "what color is the circle?"
CHATS = {name: name for name in ("aerie", "aerie-responses")}


@case_for_each(CHATS, "a picture, streamed and not")
def picture(model):
    assert llm("-m", model, QUESTION, *PICTURE) == "red"
    assert llm("-m", model, QUESTION, *PICTURE, "--no-stream") == "red"


@case_for_each(CHATS, "-c: goes on in the conversation")
def conversation(model):
    llm("-m", model, QUESTION, *PICTURE)
    assert llm("-c", "what color is the square?", "--key", API_KEY) == "blue"


@case_for_each(CHATS, "--schema")
def schema(model):
    said = json.loads(llm("-m", model, QUESTION, *PICTURE, "--schema", "color, is_round bool"))
    assert isinstance(said["color"], str) and isinstance(said["is_round"], bool)


@case
def options():
    """-s and -o: temperature, max_tokens, seed, top_p, stop, logit_bias, json_object"""
    options = {"temperature": "0.5", "max_tokens": "8", "seed": "3", "top_p": "0.9", "stop": "x", "logit_bias": '{"5": -1}'}
    flags = [flag for name, value in options.items() for flag in ("-o", name, value)]
    llm("-m", "aerie", "what is red?", "-s", "be brief", *flags, "--key", API_KEY)
    said = llm("-m", "aerie", "what is red?", "-o", "json_object", "true", "-o", "max_tokens", "60", "--key", API_KEY)
    assert isinstance(json.loads(said), dict)


@case
def tools():
    """-T: told of a tool, calls it or answers"""
    assert llm("-m", "aerie", "what is red?", "-T", "llm_version", "--key", API_KEY)


@case
def completion():
    """completion: true"""
    llm("-m", "aerie-text", "a red", "-o", "max_tokens", "5", "--key", API_KEY)


main()
