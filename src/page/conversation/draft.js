/** The question that is being written. */

import { announce } from '../announce.js'
import { models, refusalOf } from '../api/models.js'
import { settings } from '../settings.js'
import { Store } from '../store.js'
import { attach, kindOf } from './attachments.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */

/** @typedef {{ readonly text: string, readonly media: readonly Attachment[], readonly notice: string }} Draft */

/** @type {Store<Draft>} */
export const draft = new Store({
  text: '',
  media: /** @type {readonly Attachment[]} */ ([]),
  notice: '',
})

/** @param {Partial<Draft>} change */
export function changeDraft(change) {
  draft.set({ ...draft.get(), notice: '', ...change })
}

export function chosenModel() {
  return models.get().find(({ id }) => id === settings.get().model)
}

/** Files of one question. What the model takes of a kind is fewer, and the server says how many. */
const MOST_FILES = 100

/** Names of refused files that are told one by one. */
const MOST_NAMES = 3

/**
 * Adds what the model takes, and says why not of the rest.
 * @param {Iterable<File>} files
 */
export function addFiles(files) {
  const model = chosenModel()
  const before = draft.get().media
  /** @type {Attachment[]} */
  const taken = []
  /** Names by why they are refused. @type {Map<string, string[]>} */
  const refused = new Map()
  const refuse = (/** @type {string} */ why, /** @type {string} */ name) =>
    void refused.set(why, [...(refused.get(why) ?? []), name])
  for (const file of files) {
    const kind = kindOf(file)
    const refusal = kind && model ? refusalOf(model, kind) : undefined
    if (!kind) refuse('no picture, clip, sound or document.', file.name)
    else if (refusal !== undefined) refuse(refusal, file.name)
    else if (before.length + taken.length >= MOST_FILES)
      refuse(`a question has at most ${MOST_FILES} files.`, file.name)
    else taken.push(attach(file, file.name || `pasted.${file.type.split('/')[1] ?? 'bin'}`, kind))
  }
  const notice = [...refused].map(([why, names]) => `${namesInWords(names)}: ${why}`).join(' ')
  changeDraft({ media: [...before, ...taken], notice })
  if (taken.length > 0) announce(`Added ${namesInWords(taken.map(({ name }) => name))}`)
}

/** @param {readonly string[]} names */
function namesInWords(names) {
  const shown = names.slice(0, MOST_NAMES).join(', ')
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown
}

/** @param {string} id */
export function removeMedium(id) {
  changeDraft({ media: draft.get().media.filter((attachment) => attachment.id !== id) })
}
