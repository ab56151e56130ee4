/** What a first visitor can ask with one click: pictures, a clip and a sound that Aerie draws itself. */
import {
  describeModel,
  inWords,
  kindNames,
  kindsTaken,
  loadingInWords,
  purposeOf,
} from '../api/models.js'
import { h } from '../element.js'
import { Icon } from '../parts/icon.js'
import { attach } from './attachments.js'
import { send } from './conversation.js'
import { changeDraft } from './draft.js'

/** @typedef {import('../types.d.ts').MediaKind} MediaKind */
/** @typedef {import('../types.d.ts').Model} Model */

/** @typedef {{ readonly file: string, readonly kind: MediaKind, readonly question: string }} Example */

/** Each was tried with the starter, and is answered rightly. @type {readonly Example[]} */
const EXAMPLES = [
  { file: 'red-circle-blue-square.png', kind: 'image', question: 'what color is the circle?' },
  { file: 'house-tree-car.jpg', kind: 'image', question: 'describe the picture.' },
  { file: 'three-stars.jpg', kind: 'image', question: 'how many stars are there?' },
  { file: 'word-cafe.png', kind: 'image', question: 'what is written there?' },
  { file: 'circle-then-square.mp4', kind: 'video', question: 'what is in the picture?' },
  { file: 'rising-tone.wav', kind: 'audio', question: 'what do you hear?' },
]

/** What a preview does not show by itself. */
const KIND_LABELS = /** @type {const} */ ({
  image: undefined,
  document: undefined,
  video: 'Clip',
  audio: 'Sound',
})

/** @param {string} file */
export function exampleUrl(file) {
  return new URL(`../examples/${file}`, import.meta.url).href
}

/** @param {string} file */
export async function fetchExample(file) {
  const response = await fetch(exampleUrl(file))
  if (!response.ok) throw new Error(`${file}: ${response.status}`)
  return response.blob()
}

let isFetching = false

/** Once, however often it is clicked while it is fetched. @param {Example} example */
async function askExample({ file, kind, question }) {
  if (isFetching) return
  isFetching = true
  try {
    send(question, [attach(await fetchExample(file), file, kind)])
  } catch {
    changeDraft({ notice: `The example ${file} cannot be fetched. Is the server still running?` })
  } finally {
    isFetching = false
  }
}

/** @param {{ readonly example: Example }} props */
function Preview({ example: { file, kind } }) {
  const src = exampleUrl(file)
  if (kind === 'image') return h('img', { src, alt: '' })
  if (kind === 'audio') return h(Icon, { name: 'sound' })
  return h('video', {
    src,
    muted: true,
    playsInline: true,
    preload: 'metadata',
    'aria-hidden': true,
  })
}

/** What it is for, in a few words. @param {Model | undefined} model */
function invitationOf(model) {
  const purpose = model ? purposeOf(model) : 'chat'
  if (purpose === 'speech') return 'Let it hear something.'
  if (purpose === 'embedding') return 'Give it something to compare.'
  const seesNothing = model && kindsTaken(model).every((kind) => kind === 'document')
  return seesNothing ? 'Ask it something.' : 'Show it something, and ask.'
}

/** @param {{ readonly model: Model | undefined }} props */
export function Welcome({ model }) {
  const names = model ? kindNames(model) : ['pictures', 'clips', 'sound']
  const kinds = model && purposeOf(model) === 'chat' ? kindsTaken(model) : []
  const offered = EXAMPLES.filter(({ kind }) => kinds.includes(kind))
  return h(
    'section',
    { class: 'welcome' },
    h('h1', null, invitationOf(model)),
    h(
      'p',
      { class: 'welcome-lead' },
      names.length > 0 ? `Drop or paste ${inWords(names)} anywhere on this page.` : null,
      model ? h('span', null, ` ${model.id}: ${describeModel(model)}`) : null,
      model && loadingInWords(model) !== '' ? h('span', null, `${loadingInWords(model)}.`) : null,
    ),
    offered.length > 0 ? h('h2', { class: 'welcome-try' }, 'Or try one of these') : null,
    h(
      'ul',
      { class: 'examples' },
      offered.map((example) =>
        h(
          'li',
          { key: example.file },
          h(
            'button',
            { type: 'button', onClick: () => void askExample(example) },
            h('span', { class: 'example-picture' }, h(Preview, { example })),
            h(
              'span',
              { class: 'example-question' },
              KIND_LABELS[example.kind] ? h('small', null, KIND_LABELS[example.kind]) : null,
              example.question,
            ),
          ),
        ),
      ),
    ),
  )
}
