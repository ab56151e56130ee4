/** How answers are made: instruction, sampling, how closely pictures and clips are looked at. */
import { AnswerFormFields } from './answer-form-fields.js'
import { purposeOf } from './api/models.js'
import { chosenModel } from './conversation/draft.js'
import { h } from './element.js'
import { Choice } from './parts/choice.js'
import { Dialog } from './parts/dialog.js'
import { changeSettings, DEFAULTS, settings } from './settings.js'
import { useStore } from './store.js'
import { useState } from './vendor/hooks.js'

/** @typedef {import('./types.d.ts').ClipSampling} ClipSampling */
/** @typedef {import('./types.d.ts').Detail} Detail */
/** @typedef {{ readonly min: number, readonly max: number, readonly step: number | 'any', readonly usual: number | string | undefined }} NumberOptions */

/** @param {{ readonly onClose: () => void }} props */
export function SettingsDialog({ onClose }) {
  const { system, temperature, topP, maxTokens, seed, detail, clip } = useStore(settings)
  const model = chosenModel()
  const usual = model?.aerie.sampling_defaults
  const takes = model?.aerie.input_modalities ?? []
  const changeClip = (/** @type {Partial<ClipSampling>} */ change) =>
    changeSettings({ clip: { ...clip, ...change } })
  // Fields that are reset begin anew, whatever was being typed.
  const [resets, setResets] = useState(0)
  /**
   * @param {string} label
   * @param {number | null} value
   * @param {(value: number | null) => void} onChange
   * @param {NumberOptions} options
   */
  const number = (label, value, onChange, options) =>
    h(NumberField, { key: `${label} ${resets}`, label, value, onChange, options })
  return h(Dialog, {
    title: 'Settings',
    kind: 'drawer',
    onClose,
    children: [
      model && purposeOf(model) !== 'chat'
        ? h(
            'p',
            { key: 'none', class: 'note' },
            `${model.id} has no settings: they are for models that answer.`,
          )
        : null,
      h(
        'label',
        { key: 'system', class: 'field wide' },
        h('span', null, 'Instruction (system message)'),
        h('textarea', {
          rows: 3,
          value: system,
          placeholder: 'none',
          onInput: (event) => changeSettings({ system: event.currentTarget.value }),
        }),
      ),
      h(
        'fieldset',
        { key: 'sampling', class: 'fields' },
        h('legend', null, 'Sampling'),
        number('Temperature', temperature, (value) => changeSettings({ temperature: value }), {
          ...{ min: 0, max: 2, step: 0.1 },
          usual: usual?.temperature,
        }),
        number('Top p', topP, (value) => changeSettings({ topP: value }), {
          ...{ min: 0, max: 1, step: 0.05 },
          usual: usual?.top_p,
        }),
        number('Most tokens', maxTokens, (value) => changeSettings({ maxTokens: value }), {
          ...{ min: 1, max: model?.aerie.max_context ?? 1_000_000, step: 1 },
          usual: 'what is left',
        }),
        number('Seed', seed, (value) => changeSettings({ seed: value }), {
          ...{ min: 0, max: 2 ** 31 - 1, step: 1 },
          usual: 'random',
        }),
      ),
      takes.includes('image')
        ? h(
            'div',
            { key: 'detail', class: 'fields' },
            h('span', { class: 'field-name' }, 'How closely pictures are looked at'),
            h(Choice, {
              label: 'Detail',
              options: /** @type {const} */ ([
                ['auto', 'auto'],
                ['low', 'low'],
                ['high', 'high'],
              ]),
              value: detail,
              onChange: (/** @type {Detail} */ value) => changeSettings({ detail: value }),
            }),
          )
        : null,
      takes.includes('video')
        ? h(
            'fieldset',
            { key: 'clip', class: 'fields' },
            h('legend', null, 'Frames of clips'),
            number('Frames a second', clip.fps, (fps) => changeClip({ fps }), {
              ...{ min: 0.01, max: 1000, step: 'any' },
              usual: "model's rule",
            }),
            number('Frames at most', clip.max_frames, (max_frames) => changeClip({ max_frames }), {
              ...{ min: 1, max: model?.aerie.max_frames || 1_000_000, step: 1 },
              usual: "model's rule",
            }),
            number('From second', clip.start, (start) => changeClip({ start }), {
              ...{ min: 0, max: 1e9, step: 'any' },
              usual: 'the beginning',
            }),
            number('To second', clip.end, (end) => changeClip({ end }), {
              ...{ min: 0, max: 1e9, step: 'any' },
              usual: 'the end',
            }),
            takes.includes('audio')
              ? h(
                  'label',
                  { class: 'check wide' },
                  h('input', {
                    type: 'checkbox',
                    checked: clip.sound,
                    onChange: (event) => changeClip({ sound: event.currentTarget.checked }),
                  }),
                  h('span', null, 'Hear the sound of clips too'),
                )
              : null,
          )
        : null,
      model && purposeOf(model) !== 'chat' ? null : h(AnswerFormFields, {}),
      h(
        'button',
        {
          key: 'reset',
          type: 'button',
          class: 'button quiet',
          onClick: () => {
            changeSettings({ ...DEFAULTS, model: settings.get().model })
            setResets(resets + 1)
          },
        },
        'Reset all settings',
      ),
    ],
  })
}

/**
 * Empty is null: the model's own. So is what cannot be sent, which it says: what stands in a field is what is sent, or nothing is.
 * @param {{ readonly label: string, readonly value: number | null, readonly onChange: (value: number | null) => void, readonly options: NumberOptions }} props
 */
function NumberField({ label, value, onChange, options: { min, max, step, usual } }) {
  const [text, setText] = useState(value === null ? '' : String(value))
  const [isWrong, setWrong] = useState(false)
  const isWhole = step === 1
  return h(
    'div',
    { class: 'field' },
    h(
      'label',
      { class: 'field' },
      h('span', null, label),
      h('input', {
        type: 'number',
        inputMode: isWhole ? 'numeric' : 'decimal',
        ...{ min, max, step, value: text },
        placeholder: String(usual ?? ''),
        'aria-invalid': isWrong,
        onInput: (event) => {
          const { value: typed, valueAsNumber: number, validity } = event.currentTarget
          const isEmpty = typed === '' && !validity.badInput
          const isFine = number >= min && number <= max && (!isWhole || Number.isInteger(number))
          setText(typed)
          setWrong(!isEmpty && !isFine)
          onChange(isFine ? number : null)
        },
      }),
    ),
    isWrong
      ? h(
          'p',
          { class: 'note is-problem', role: 'alert' },
          `Not sent: ${isWhole ? 'whole numbers' : 'numbers'} from ${min} to ${max}`,
        )
      : null,
  )
}
