/** Tools: what the model called, and what a person says that they gave. */
import { h } from '../element.js'
import { CodeBlock } from '../parts/markdown.js'
import { useState } from '../vendor/hooks.js'
import { sendResults } from './conversation.js'

/** @typedef {import('../types.d.ts').Call} Call */
/** @typedef {import('../types.d.ts').ToolResult} ToolResult */

/** @param {{ readonly calls: readonly Call[] }} props */
export function Calls({ calls }) {
  return h(
    'ul',
    { class: 'calls', 'aria-label': 'Calls of tools' },
    calls.map((call, i) =>
      h(
        'li',
        { key: i },
        h('p', { class: 'call-name' }, 'Calls ', h('code', null, call.name)),
        h(CodeBlock, { code: indented(call.arguments), language: 'json', isNamed: false }),
      ),
    ),
  )
}

/**
 * JSON to be read; what is not whole yet as it stands.
 * @param {string} text
 */
export function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/**
 * One field a call: nobody else runs the tools.
 * @param {{ readonly calls: readonly Call[] }} props
 */
export function ResultsForm({ calls }) {
  const [results, setResults] = useState(/** @type {readonly string[]} */ (calls.map(() => '')))
  return h(
    'form',
    {
      class: 'results',
      'aria-label': 'Results of the tools',
      onSubmit: (event) => {
        event.preventDefault()
        sendResults(calls.map(({ id, name }, i) => ({ id, name, content: results[i] ?? '' })))
      },
    },
    calls.map(({ name }, i) =>
      h(
        'label',
        { key: i, class: 'field' },
        h('span', null, `What ${name} gives`),
        h('textarea', {
          rows: 2,
          required: true,
          dir: 'auto',
          value: results[i] ?? '',
          onInput: (event) => setResults(results.with(i, event.currentTarget.value)),
        }),
      ),
    ),
    h('button', { type: 'submit', class: 'button' }, 'Send to the model'),
  )
}

/** @param {{ readonly results: readonly ToolResult[] }} props */
export function Results({ results }) {
  return h(
    'dl',
    { class: 'bubble results-sent' },
    results.map(({ name, content }, i) =>
      h(
        'div',
        { key: i },
        h('dt', null, h('code', null, name), ' gave'),
        h('dd', { dir: 'auto' }, content),
      ),
    ),
  )
}
