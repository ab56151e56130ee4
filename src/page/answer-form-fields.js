/** Settings of an answer's form: JSON, and tools that may be called. */
import { problemOf } from './conversation/request.js'
import { h } from './element.js'
import { Choice } from './parts/choice.js'
import { changeSettings, settings } from './settings.js'
import { useStore } from './store.js'

/** @typedef {import('./types.d.ts').AnswerForm} AnswerForm */
/** @typedef {import('./types.d.ts').ToolChoice} ToolChoice */

const EXAMPLE_SCHEMA = {
  type: 'object',
  properties: { colour: { type: 'string' }, count: { type: 'integer' } },
  required: ['colour', 'count'],
  additionalProperties: false,
}

const EXAMPLE_TOOLS = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather of a place',
      parameters: {
        type: 'object',
        properties: { place: { type: 'string' } },
        required: ['place'],
        additionalProperties: false,
      },
    },
  },
]

export function AnswerFormFields() {
  const { form, schema, tools, toolChoice } = useStore(settings)
  return h(
    'div',
    { class: 'form-fields' },
    h(
      'div',
      { class: 'fields' },
      h('span', { class: 'field-name' }, 'Form of the answer'),
      h(Choice, {
        label: 'Form of the answer',
        options: /** @type {const} */ ([
          ['text', 'text'],
          ['json', 'JSON'],
          ['schema', 'JSON of a schema'],
        ]),
        value: form,
        onChange: (/** @type {AnswerForm} */ value) => changeSettings({ form: value }),
      }),
      form === 'schema'
        ? h(JsonField, {
            id: 'schema',
            label: 'JSON Schema',
            value: schema,
            example: EXAMPLE_SCHEMA,
            onChange: (/** @type {string} */ value) => changeSettings({ schema: value }),
          })
        : null,
    ),
    h(
      'div',
      { class: 'fields' },
      h('span', { class: 'field-name' }, 'Tools'),
      h(JsonField, {
        id: 'tools',
        label: 'A list of tools, as in a request',
        value: tools,
        example: EXAMPLE_TOOLS,
        isOptional: true,
        onChange: (/** @type {string} */ value) => changeSettings({ tools: value }),
      }),
      tools.trim() === ''
        ? null
        : h(Choice, {
            label: 'Calls of tools',
            options: /** @type {const} */ ([
              ['auto', 'as it likes'],
              ['required', 'at least one'],
              ['none', 'none'],
            ]),
            value: toolChoice,
            onChange: (/** @type {ToolChoice} */ value) => changeSettings({ toolChoice: value }),
          }),
    ),
  )
}

/**
 * @param {{ readonly id: string, readonly label: string, readonly value: string, readonly example: unknown, readonly isOptional?: boolean, readonly onChange: (value: string) => void }} props
 */
function JsonField({ id, label, value, example, isOptional = false, onChange }) {
  const isEmpty = value.trim() === ''
  const problem = isEmpty ? undefined : problemOf(value)
  return h(
    'div',
    { class: 'field wide' },
    h('label', { for: id }, label),
    h('textarea', {
      id,
      class: 'json',
      rows: isEmpty ? 2 : 8,
      spellcheck: false,
      value,
      placeholder: isOptional ? 'none' : '{ "type": "object", … }',
      'aria-invalid': problem !== undefined,
      'aria-describedby': `${id}-problem`,
      onInput: (event) => onChange(event.currentTarget.value),
    }),
    h(
      'p',
      { id: `${id}-problem`, class: problem === undefined ? 'note' : 'note is-problem' },
      problem === undefined ? '' : `Not JSON: ${problem}`,
    ),
    isEmpty
      ? h(
          'button',
          {
            type: 'button',
            class: 'text-button',
            onClick: () => onChange(JSON.stringify(example, null, 2)),
          },
          'Begin with an example',
        )
      : null,
  )
}
