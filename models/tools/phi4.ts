/** Phi-4-mini: a list between tokens, or behind `functools`, as its model card and its tokenizer say. Phi-3 knows no tools. */
import type { ToolFormat } from './format.ts'

export const phi4: ToolFormat = {
  name: 'phi4',
  templateMarks: ['<|tool|>', '<|tool_call|>', 'functools'],
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
}
