/** Llama 3.1, 3.2 and 3.3 (meta-llama/llama-models, prompt formats): a message that is one JSON object, or one behind `<|python_tag|>`. */
import type { ToolFormat } from './format.ts'

export const llama3: ToolFormat = {
  name: 'llama3',
  templateMarks: ['"parameters": ', '<|python_tag|>'],
  calls: {
    begins: ['<|python_tag|>'],
    bare: true,
    form: 'object',
    end: '',
    open: '',
    close: '',
    between: '; ',
    argumentsKey: 'parameters',
    // "This model only supports single tool-calls at once", its template says.
    parallel: false,
  },
  template: { oneCallAMessage: true },
}
