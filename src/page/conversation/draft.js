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

/**
 * Adds what the model takes, and says why not of the rest.
 * @param {Iterable<File>} files
 */
export function addFiles(files) {
  const model = chosenModel()
  /** @type {Attachment[]} */
  const taken = []
  let notice = ''
  for (const file of files) {
    const kind = kindOf(file)
    const refusal = kind && model ? refusalOf(model, kind) : undefined
    if (!kind) notice = `${file.name} is no picture, clip, sound or document.`
    else if (refusal !== undefined) notice = `${file.name}: ${refusal}`
    else taken.push(attach(file, file.name || `pasted.${file.type.split('/')[1] ?? 'bin'}`, kind))
  }
  changeDraft({ media: [...draft.get().media, ...taken], notice })
  if (taken.length > 0) announce(`Added ${taken.map(({ name }) => name).join(', ')}`)
}

/** @param {string} id */
export function removeMedium(id) {
  changeDraft({ media: draft.get().media.filter((attachment) => attachment.id !== id) })
}
