"""What each script of this folder is made of: cases, run in their order, and a line of JSON for how each went."""

import asyncio
import inspect
import json
import os
import traceback

URL = os.environ["AERIE_URL"]
BASE_URL = f"{URL}/v1"
API_KEY = os.environ["AERIE_API_KEY"]
MODEL = os.environ["AERIE_MODEL"]
PICTURE_FILE = os.environ["AERIE_PICTURE"]

CASES = []


def case(function):
    """Its docstring is its name; it fails by raising."""
    CASES.append(function)
    return function


def case_for_each(models, what):
    """A case for each of the models, which are by their names; it is given the model, and fails by raising."""

    def register(function):
        for name, model in models.items():

            def run(model=model):
                return function(model)

            run.__doc__ = f"{name}: {what}"
            case(run)

    return register


def picture_uri() -> str:
    """A red circle and a blue square, as a data URI."""
    import base64

    with open(PICTURE_FILE, "rb") as file:
        return f"data:image/png;base64,{base64.b64encode(file.read()).decode()}"


async def _run() -> None:
    for function in CASES:
        line = {"name": inspect.getdoc(function), "outcome": "passed"}
        try:
            result = function()
            if inspect.isawaitable(result):
                await asyncio.wait_for(result, 120)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = str(error) or f"line {where.lineno}: {where.line}"
            line |= {"outcome": "failed", "message": f"{type(error).__name__}: {said}"}
            traceback.print_exc()
        print(json.dumps(line), flush=True)


def main() -> None:
    asyncio.run(_run())
