/** Where a question is written: text, media, send and stop. */
import { kindsTaken, models, purposeOf, readsText } from '../api/models.js'
import { h } from '../element.js'
import { keepingProblem } from '../keep/keeper.js'
import { Attachment } from '../parts/attachment.js'
import { Icon, IconButton } from '../parts/icon.js'
import { settings } from '../settings.js'
import { useStore } from '../store.js'
import { useRef } from '../vendor/hooks.js'
import { conversation, send, stop, unfinished } from './conversation.js'
import { Cost } from './cost.js'
import { addFiles, changeDraft, chosenModel, draft, removeMedium } from './draft.js'
import { isSending } from './keys.js'
import { linesOf } from './other-questions.js'

/** @typedef {import('../types.d.ts').Model} Model */

/** What the file dialog offers. */
const ACCEPTED = /** @type {const} */ ({
  image: 'image/*',
  video: 'video/*',
  audio: 'audio/*',
  document: '.pdf,.txt,.md,.csv,.json,.html',
})

const PLACEHOLDERS = /** @type {const} */ ({
  chat: 'Ask about it…',
  speech: 'Add a sound or a clip',
  embedding: 'Add what to compare',
})

export function Composer() {
  useStore(models)
  useStore(settings)
  useStore(conversation)
  const { text, media, notice } = useStore(draft)
  const problem = useStore(keepingProblem)
  const area = useRef(/** @type {HTMLTextAreaElement | null} */ (null))
  const model = chosenModel()
  const purpose = model ? purposeOf(model) : 'chat'
  const running = unfinished()
  const refusal = whyNot(model, text, media.length)
  const submit = () => {
    if (running) return
    if (refusal !== undefined) {
      if (media.length > 0 || text.trim() !== '') changeDraft({ notice: refusal })
      return
    }
    send(text.trim(), media)
    changeDraft({ text: '', media: [] })
    area.current?.focus()
  }
  return h(
    'form',
    {
      class: 'composer',
      'aria-label': 'Question',
      onSubmit: (event) => {
        event.preventDefault()
        submit()
      },
    },
    problem === '' ? null : h('p', { class: 'notice mild', role: 'status' }, problem),
    notice === '' ? null : h('p', { class: 'notice', role: 'alert' }, notice),
    media.length === 0
      ? null
      : h(
          'ul',
          { class: 'attachments', 'aria-label': 'Files of the question' },
          media.map((attachment) =>
            h(Attachment, {
              key: attachment.id,
              attachment,
              onRemove: () => removeMedium(attachment.id),
            }),
          ),
        ),
    h(
      'div',
      { class: 'composer-row' },
      model ? h(FileButtons, { model }) : null,
      h('textarea', {
        ref: area,
        id: 'question',
        rows: 1,
        value: text,
        'aria-label': 'Your question',
        placeholder: PLACEHOLDERS[purpose],
        dir: 'auto',
        enterkeyhint: 'send',
        disabled: model !== undefined && !readsText(model),
        onInput: (event) => changeDraft({ text: event.currentTarget.value }),
        onKeyDown: (event) => {
          if (!isSending(event)) return
          event.preventDefault()
          submit()
        },
      }),
      running
        ? h(
            'button',
            {
              type: 'button',
              class: 'send stop',
              'aria-label': 'Stop',
              title: 'Stop (Esc)',
              onClick: () => stop(running.id),
            },
            h(Icon, { name: 'stop' }),
          )
        : h(
            'button',
            {
              type: 'submit',
              class: 'send',
              'aria-label': 'Send',
              title: refusal ?? 'Send (Enter)',
              'aria-disabled': refusal !== undefined,
            },
            h(Icon, { name: 'send' }),
          ),
    ),
    h(Cost, {}),
  )
}

/**
 * @param {Model | undefined} model
 * @param {string} text
 * @param {number} media
 * @returns {string | undefined} undefined where the question can be sent
 */
function whyNot(model, text, media) {
  if (!model) return 'No model is chosen'
  const purpose = purposeOf(model)
  if (purpose === 'speech') {
    if (media === 0) return 'Add a sound or a clip first'
    return media === 1 ? undefined : 'One sound or clip at a time: remove the others first'
  }
  if (purpose === 'embedding') {
    return media + linesOf(text).length > 1 ? undefined : 'Add two things or more to compare first'
  }
  return text.trim() === '' && media === 0 ? 'Write a question first' : undefined
}

/** @param {{ readonly model: Model }} props */
function FileButtons({ model }) {
  const kinds = kindsTaken(model)
  const files = useRef(/** @type {HTMLInputElement | null} */ (null))
  const camera = useRef(/** @type {HTMLInputElement | null} */ (null))
  /** @param {Event} event */
  const add = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget)
    addFiles(input.files ?? [])
    // The same file once more is a change again.
    input.value = ''
  }
  const hidden = {
    type: /** @type {const} */ ('file'),
    class: 'hidden',
    tabIndex: -1,
    'aria-hidden': true,
    onChange: add,
  }
  return h(
    'div',
    { class: 'file-buttons' },
    h('input', {
      ...hidden,
      ref: files,
      multiple: true,
      accept: kinds.map((kind) => ACCEPTED[kind]).join(','),
    }),
    h(IconButton, { icon: 'attach', label: 'Add files', onClick: () => files.current?.click() }),
    kinds.includes('image')
      ? [
          h('input', {
            ...hidden,
            key: 'input',
            ref: camera,
            accept: 'image/*',
            capture: 'environment',
          }),
          h(IconButton, {
            key: 'button',
            icon: 'camera',
            label: 'Take a picture',
            kind: 'camera',
            onClick: () => camera.current?.click(),
          }),
        ]
      : null,
  )
}
