/**
 * Nemotron Mini and Hymba write each call in tags (nvidia/Nemotron-Mini-4B-Instruct, "Prompt Format"; Ollama's library has the spaces);
 * Llama Nemotron (Nano 8B v1, Super v1.5) and Nemotron Nano v2 a list in others, as their chat templates do.
 */
import type { ToolFormat } from './format.ts'

export const nemotron: ToolFormat = {
  name: 'nemotron',
  templateMarks: ['<toolcall>', '<extra_id_1>'],
  calls: {
    begins: ['<toolcall>'],
    bare: false,
    form: 'object',
    end: '</toolcall>',
    open: ' ',
    close: ' ',
    between: ' ',
    argumentsKey: 'arguments',
    parallel: true,
  },
}

export const nemotronList: ToolFormat = {
  name: 'nemotron-list',
  templateMarks: ['<TOOLCALL>'],
  calls: {
    ...nemotron.calls,
    begins: ['<TOOLCALL>'],
    form: 'list',
    end: '</TOOLCALL>',
    open: '',
    close: '',
    between: ', ',
  },
}
