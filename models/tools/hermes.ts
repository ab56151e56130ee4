/**
 * Hermes 2 Pro (NousResearch/Hermes-Function-Calling), Qwen 2.5 and Qwen 3: a JSON object in tags for each call.
 * Also what models are told in whose template nothing is said of tools: many were trained on texts of this kind.
 */
import type { ToolFormat } from './format.ts'

export const hermes: ToolFormat = {
  name: 'hermes',
  templateMarks: ['<tool_call>'],
  calls: {
    begins: ['<tool_call>'],
    bare: false,
    form: 'object',
    end: '</tool_call>',
    open: '\n',
    close: '\n',
    between: '\n',
    argumentsKey: 'arguments',
    parallel: true,
  },
}

export const generic: ToolFormat = {
  ...hermes,
  name: 'generic',
  templateMarks: [],
  written: {
    before:
      '# Tools\n\nYou can call functions. They are described here, one a line, with the JSON Schema of their arguments:\n<tools>\n',
    between: '\n',
    after:
      '\n</tools>\n\nTo call a function, write its name and its arguments as a JSON object in these tags, once for each call:\n<tool_call>\n{"name": <function name>, "arguments": <arguments>}\n</tool_call>\nWhat it gives comes back in <tool_response></tool_response>.',
    resultBegin: '<tool_response>\n',
    resultEnd: '\n</tool_response>',
  },
}
