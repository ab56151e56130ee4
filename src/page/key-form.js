/** The API key, asked for when the server wants one. */
import { apiKey } from './api/client.js'
import { h } from './element.js'
import { useState } from './vendor/hooks.js'

/** @param {{ readonly onChange: () => void }} props */
export function KeyForm({ onChange }) {
  const [key, setKey] = useState('')
  const had = apiKey.get() !== ''
  return h(
    'form',
    {
      class: 'key-form',
      'aria-label': 'API key',
      onSubmit: (event) => {
        event.preventDefault()
        apiKey.set(key.trim())
        onChange()
      },
    },
    h(
      'label',
      { for: 'api-key' },
      had ? 'The server does not know this key. Another one?' : 'This server wants an API key.',
    ),
    h('input', {
      id: 'api-key',
      type: 'password',
      autocomplete: 'off',
      spellcheck: false,
      required: true,
      value: key,
      onInput: (event) => setKey(event.currentTarget.value),
    }),
    h('button', { type: 'submit', class: 'button' }, 'Use it'),
    h('p', { class: 'note' }, 'It is kept in this tab alone, and forgotten with it.'),
  )
}
