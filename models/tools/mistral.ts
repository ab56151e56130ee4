/** Mistral: v3 and its kin (mistralai/Mistral-7B-Instruct-v0.3) write a list, v11 and newer (Mistral Small 3.2) each call by itself. */
import type { ToolFormat } from './format.ts'

export const mistral: ToolFormat = {
  name: 'mistral',
  templateMarks: ['[TOOL_CALLS]'],
  calls: {
    begins: ['[TOOL_CALLS]'],
    bare: false,
    form: 'list',
    end: '',
    open: ' ',
    close: '',
    between: ', ',
    argumentsKey: 'arguments',
    parallel: true,
  },
  template: { shortIds: true },
}

export const mistralNamed: ToolFormat = {
  ...mistral,
  name: 'mistral-v11',
  templateMarks: ['[ARGS]'],
  calls: { ...mistral.calls, form: 'named', open: '', between: '', argumentsMark: '[ARGS]' },
}
