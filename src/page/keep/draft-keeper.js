/** The question that is being written, over a reload of its tab: words in the tab's own storage, files beside those of conversations. */
import { conversation } from '../conversation/conversation.js'
import { changeDraft, draft } from '../conversation/draft.js'
import { readMedia } from './database.js'
import { keepingProblem, keepMedia } from './keeper.js'

/** @typedef {import('../types.d.ts').Attachment} Attachment */

const KEY = 'aerie.draft'

export async function keepDraft() {
  await restore().catch((error) => keepingProblem.set(`The draft was not kept: ${error}`))
  let before = draft.get()
  draft.watch((now) => {
    if (now.text === before.text && now.media === before.media) return
    const ids = new Set(now.media.map(({ id }) => id))
    const known = new Set(before.media.map(({ id }) => id))
    const added = now.media.filter(({ id }) => !known.has(id))
    // What was asked belongs to its turn now, and is no longer the draft's to delete.
    const asked = new Set(conversation.get().flatMap(({ media }) => media.map(({ id }) => id)))
    const removed = before.media.filter(({ id }) => !ids.has(id) && !asked.has(id))
    before = now
    keepMedia(added, removed)
    store(now)
  })
}

/** @param {import('../conversation/draft.js').Draft} draft */
function store({ text, media }) {
  try {
    const files = media.map(({ blob: _, ...attachment }) => attachment)
    sessionStorage.setItem(KEY, JSON.stringify({ text, media: files }))
  } catch (error) {
    sessionStorage.removeItem(KEY)
    keepingProblem.set(`The question is too long to be kept over a reload: ${error}`)
  }
}

async function restore() {
  /** @type {unknown} */
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  if (typeof kept !== 'object' || kept === null) return
  const { text, media } = /** @type {{ text: string, media: Omit<Attachment, 'blob'>[] }} */ (kept)
  const blobs = await readMedia(media.map(({ id }) => id))
  const found = media.flatMap((attachment) => {
    const blob = blobs.get(attachment.id)
    return blob ? [{ ...attachment, blob }] : []
  })
  const now = draft.get()
  // Whoever has begun to write in the meantime goes on with that.
  if (now.text === '' && now.media.length === 0) changeDraft({ text, media: found })
}
