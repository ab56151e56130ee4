/** What the model saw of a document: which of its pages, and whether their words, their pictures or both. */

import { formatBytes } from '../conversation/attachments.js'
import { h } from '../element.js'
import { Icon } from '../parts/icon.js'
import { formatCount } from '../parts/shares.js'
import { fact } from './picture-seen.js'

/** @typedef {import('../types.d.ts').DocumentSeen} DocumentSeen */

const CONTENTS = /** @type {const} */ ({
  text: 'the words',
  pictures: 'pictures of the pages',
  both: 'words and pictures of the pages',
})

/** More are a list of numbers that nobody reads. */
const MOST_MARKS = 60

/** @param {{ readonly document: DocumentSeen, readonly name: string }} props */
export function DocumentRead({ document, name }) {
  const { page_count: count, pages, content, pages_with_text: worded, bytes } = document
  const read = new Set(pages)
  return h(
    'figure',
    { class: 'document-seen' },
    h(
      'figcaption',
      null,
      h('p', { class: 'seen-name' }, h(Icon, { name: 'document' }), document.filename ?? name),
      h(
        'dl',
        { class: 'facts' },
        fact(
          'Document',
          `${formatCount(count)} ${count === 1 ? 'page' : 'pages'}, ${formatBytes(bytes)}`,
        ),
        fact('Read', `${rangesOf(pages)}: ${CONTENTS[content]}`),
        content === 'pictures' ? null : fact('With words', `${worded} of ${pages.length}`),
      ),
    ),
    count > 1 && count <= MOST_MARKS
      ? h(
          'div',
          { class: 'pages', 'aria-hidden': 'true' },
          Array.from({ length: count }, (_, i) =>
            h('span', { key: i, class: read.has(i + 1) ? 'is-read' : '' }, i + 1),
          ),
        )
      : null,
  )
}

/**
 * `pages 1–3, 7`.
 * @param {readonly number[]} pages in order
 */
export function rangesOf(pages) {
  /** @type {[number, number][]} */
  const ranges = []
  for (const page of pages) {
    const last = ranges.at(-1)
    if (last?.[1] === page - 1) last[1] = page
    else ranges.push([page, page])
  }
  const words = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
  return `${pages.length === 1 ? 'page' : 'pages'} ${words}`
}
