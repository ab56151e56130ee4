/**
 * Functionary v3.1 (meetkai/functionary-medium-v3.1) and what Llama 3.1 was shown for functions of the user's own (meta-llama/llama-models,
 * prompt formats, "Custom tool calling"): the name in a tag, the arguments behind it.
 */
import type { ToolFormat } from './format.ts'

export const functionary: ToolFormat = {
  name: 'functionary',
  templateMarks: ['<function='],
  calls: {
    begins: ['<function='],
    bare: false,
    form: 'named',
    end: '</function>',
    open: '',
    close: '',
    between: '',
    argumentsKey: 'parameters',
    argumentsMark: '>',
    parallel: true,
  },
}
