/**
 * Phi-4-mini: told of functions in a field of the system message, as its model card shows them; it writes a list between tokens, or behind
 * `functools` as in Microsoft's own parser for vLLM. Its card shows no call: which of the two it prefers is not published. Phi-3 knows no tools.
 */
import type { ToolFormat } from './format.ts'

export const phi4: ToolFormat = {
  name: 'phi4',
  templateMarks: ['<|/tool|>', '<|/tool_call|>', 'functools['],
  calls: {
    begins: ['<|tool_call|>', 'functools'],
    bare: false,
    form: 'list',
    end: '<|/tool_call|>',
    open: '',
    close: '',
    between: ', ',
    argumentsKey: 'arguments',
    parallel: true,
  },
  template: { bareFunctions: true },
}
