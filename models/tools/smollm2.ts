/** SmolLM2 Instruct: its template says nothing of tools, its model card does (HuggingFaceTB/SmolLM2-1.7B-Instruct, "Function Calling"). */
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
    before:
      'You are an expert in composing functions. You are given a question and a set of possible functions. Based on the question, you will need to make one or more function/tool calls to achieve the purpose. If none of the functions can be used, point it out and refuse to answer.\n\nYou have access to the following tools:\n<tools>[',
    each: '',
    after:
      ']</tools>\n\nWrite the calls, if any, as a list in these tags:\n<tool_call>[{"name": "func_name1", "arguments": {"argument1": "value1"}}, (more tool calls as required)]</tool_call>',
    resultBegin: '<tool_response>\n',
    resultEnd: '\n</tool_response>',
  },
}
