/**
 * SmolLM2 Instruct: its template says nothing of tools; its model card does, in the words below, which the larger one was trained
 * with (HuggingFaceTB/SmolLM2-1.7B-Instruct, "Function Calling", Apache-2.0; so in Ollama's library too).
 */
import type { ToolFormat } from './format.ts'

export const smollm2: ToolFormat = {
  name: 'smollm2',
  templateMarks: ['named SmolLM'],
  calls: {
    begins: ['<tool_call>'],
    bare: false,
    form: 'list',
    end: '</tool_call>',
    open: '',
    close: '',
    between: ', ',
    argumentsKey: 'arguments',
    parallel: true,
  },
  written: {
    before: `You are an expert in composing functions. You are given a question and a set of possible functions.
Based on the question, you will need to make one or more function/tool calls to achieve the purpose.
If none of the functions can be used, point it out and refuse to answer.
If the given question lacks the parameters required by the function, also point it out.

You have access to the following tools:
<tools>[`,
    between: ', ',
    after: `]</tools>

The output MUST strictly adhere to the following format, and NO other text MUST be included.
The example format is as follows. Please make sure the parameter type is correct. If no function call is needed, please make the tool calls an empty list '[]'.
<tool_call>[
{"name": "func_name1", "arguments": {"argument1": "value1", "argument2": "value2"}},
... (more tool calls as required)
]</tool_call>`,
    resultBegin: '<tool_response>\n',
    resultEnd: '\n</tool_response>',
  },
}
