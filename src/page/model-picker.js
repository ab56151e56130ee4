/** Which model answers, and what it takes. */
import { describeModel, kindsTaken, loadModels, models, stateInWords } from './api/models.js'
import { h } from './element.js'
import { changeSettings, settings } from './settings.js'
import { useStore } from './store.js'

/** @typedef {import('./types.d.ts').Model} Model */

const SHORT = /** @type {const} */ ({
  image: 'pictures',
  video: 'clips',
  audio: 'sound',
  document: '',
})

export function ModelPicker() {
  const known = useStore(models)
  const { model } = useStore(settings)
  const chosen = known.find(({ id }) => id === model)
  return h(
    'label',
    { class: 'model-picker' },
    h('span', { class: 'hidden' }, 'Model'),
    h(
      'select',
      {
        value: model,
        disabled: known.length === 0,
        title: chosen ? describeModel(chosen) : '',
        // What is loaded changes with what others ask. A failure is told by the next question.
        onFocus: () => void loadModels().catch(() => undefined),
        onChange: (event) => changeSettings({ model: event.currentTarget.value }),
      },
      known.length === 0 ? h('option', { value: '' }, 'no model') : null,
      known.map((one) => h('option', { key: one.id, value: one.id }, nameOf(one))),
    ),
  )
}

/** @param {Model} model */
function nameOf(model) {
  const kinds = kindsTaken(model).flatMap((kind) => SHORT[kind] || [])
  const adapted = model.parent ? `adapter of ${model.parent}` : ''
  const notes = [kinds.join(', '), adapted, stateInWords(model)].filter((note) => note !== '')
  return notes.length > 0 ? `${model.id} (${notes.join('; ')})` : model.id
}
