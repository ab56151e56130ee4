/** Which models there are, and what each is for. */
import { Store } from '../store.js'
import { call } from './client.js'

/** @typedef {import('../types.d.ts').Model} Model */
/** @typedef {import('../types.d.ts').MediaKind} MediaKind */

/** @type {Store<readonly Model[]>} */
export const models = new Store(/** @type {readonly Model[]} */ ([]))

/** Reads the list again. Rejects with ApiError. */
export async function loadModels() {
  const response = await call('/v1/models')
  /** @type {{ readonly data: readonly Model[] }} */
  const { data } = await response.json()
  models.set(data)
}

/**
 * `chat` answers, `speech` writes down what is said, `embedding` turns pictures into vectors.
 * @param {Model} model
 * @returns {'chat' | 'speech' | 'embedding'}
 */
export function purposeOf({ aerie }) {
  if (aerie.output_modalities.includes('embedding')) return 'embedding'
  // Whoever answers reads text; a speech model has a sound and nothing else.
  return aerie.input_modalities.includes('text') ? 'chat' : 'speech'
}

/**
 * Kinds of files that a person may give it. A speech model hears the sound of clips, and one that reads pictures or text
 * reads documents.
 * @param {Model} model
 * @returns {readonly MediaKind[]}
 */
export function kindsTaken(model) {
  const modalities = model.aerie.input_modalities
  if (purposeOf(model) === 'speech') return ['audio', 'video']
  if (purposeOf(model) === 'embedding') return modalities.includes('image') ? ['image'] : []
  /** @type {MediaKind[]} */
  const kinds = ['image', 'video', 'audio'].flatMap((kind) =>
    modalities.some((modality) => modality === kind) ? [/** @type {MediaKind} */ (kind)] : [],
  )
  return [...kinds, 'document']
}

/** In a sentence. */
export const KIND_NAMES = /** @type {const} */ ({
  image: 'pictures',
  video: 'clips',
  audio: 'sound',
  document: 'documents',
})

/** @param {Model} model */
export function readsText({ aerie }) {
  return aerie.input_modalities.includes('text')
}

/**
 * Whether it is in memory, in words; empty where it is, or where the server does not say.
 * @param {Model} model
 */
export function stateInWords({ aerie }) {
  const { state = 'loaded', reason = null } = aerie.status ?? {}
  if (state === 'loaded') return ''
  if (state === 'unloaded') return 'not loaded'
  return reason === null ? state : `${state}: ${reason}`
}

/**
 * What keeps a question to it waiting; empty where it is in memory.
 * @param {Model} model
 */
export function loadingInWords(model) {
  const words = stateInWords(model)
  const state = model.aerie.status?.state
  if (words === '' || state === 'loading') return words && `${model.id} is being loaded`
  return state === 'unloaded' ? `${model.id} is loaded first` : `${model.id}: ${words}`
}

/**
 * What it takes and what it is for, in one sentence.
 * @param {Model} model
 */
export function describeModel(model) {
  const purpose = purposeOf(model)
  if (purpose === 'speech') return 'Writes down what is said in a sound or a clip.'
  if (purpose === 'embedding') {
    return readsText(model)
      ? 'Turns pictures and texts into vectors and has no answers. Compare pictures, and texts, one a line.'
      : 'A vision tower: turns pictures into vectors and has no answers. Compare two or more pictures.'
  }
  return `Reads ${inWords(['text', ...kindNames(model)])}.`
}

/** Of the files that it takes. @param {Model} model */
export function kindNames(model) {
  return kindsTaken(model).map((kind) => KIND_NAMES[kind])
}

/** `a, b and c`. @param {readonly string[]} names one at least */
export function inWords(names) {
  return [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' and ')
}

/**
 * Why a file of this kind cannot be given to it; undefined where it can.
 * @param {Model} model
 * @param {MediaKind} kind
 * @returns {string | undefined}
 */
export function refusalOf(model, kind) {
  if (kindsTaken(model).includes(kind)) return undefined
  const others = models.get().filter((other) => kindsTaken(other).includes(kind))
  const hint = others.length > 0 ? ` ${others.map(({ id }) => id).join(', ')} can.` : ''
  return `${model.id} does not take ${KIND_NAMES[kind]}.${hint}`
}
