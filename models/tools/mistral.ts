/**
 * Mistral: v3 (mistralai/Mistral-7B-Instruct-v0.3) writes a list, v3 with the newer tokenizer (Mistral-Nemo-Instruct-2407) one without the
 * space, v11 and newer (Mistral Small 3.2, Devstral, Ministral 3) each call by itself. Some of the last put `[CALL_ID]` and an id before the mark.
 */
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

export const mistralNemo: ToolFormat = {
  ...mistral,
  name: 'mistral-nemo',
  calls: { ...mistral.calls, open: '' },
}

export const mistralNamed: ToolFormat = {
  ...mistral,
  name: 'mistral-v11',
  templateMarks: ['[ARGS]'],
  calls: { ...mistral.calls, form: 'named', open: '', between: '', argumentsMark: '[ARGS]' },
}
