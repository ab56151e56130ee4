/** One of a few, as buttons side by side. */
import { h } from '../element.js'

/**
 * @template {string} T
 * @param {{ readonly label: string, readonly options: readonly (readonly [T, string])[], readonly value: T, readonly onChange: (value: T) => void }} props
 */
export function Choice({ label, options, value, onChange }) {
  return h(
    'fieldset',
    { class: 'choice' },
    h('legend', { class: 'hidden' }, label),
    options.map(([option, name]) =>
      h(
        'label',
        { key: option },
        h('input', {
          type: 'radio',
          name: label,
          value: option,
          checked: option === value,
          onChange: () => onChange(option),
        }),
        h('span', null, name),
      ),
    ),
  )
}
