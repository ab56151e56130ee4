/**
 * The little Markdown that models write, as elements: headings, lists, tables, quotes, code, bold, italics. Everything else is text as
 * it stands. Nothing is ever parsed as HTML, and addresses do not become links: what a model says is no reason to go anywhere.
 */
import { classes, h } from '../element.js'
import { CopyButton } from './copy-button.js'
import { blocksOf } from './markdown-blocks.js'
import { memo } from './memo.js'

/** @typedef {import('../types.d.ts').Children} Children */
/** @typedef {import('./markdown-blocks.js').Block} Block */
/** @typedef {import('./markdown-blocks.js').Item} Item */

/** @param {{ readonly text: string }} props */
export function Markdown({ text }) {
  return h(
    'div',
    { class: 'prose' },
    blocksOf(text).map((block, key) => h(DrawnBlock, { key, block })),
  )
}

/** With each word that comes, only the last block changes. */
const DrawnBlock = memo(drawBlock, (before, after) => {
  return JSON.stringify(before.block) === JSON.stringify(after.block)
})

/**
 * Each block has its own direction, by its first letter.
 * @param {{ readonly block: Block }} props
 */
function drawBlock({ block }) {
  if (block.type === 'code') return h(CodeBlock, { code: block.text, language: block.language })
  if (block.type === 'rule') return h('hr', null)
  if (block.type === 'list') return h(List, { items: block.items })
  if (block.type === 'table') return h(Table, { head: block.head, rows: block.rows })
  if (block.type === 'quote') return h('blockquote', { dir: 'auto' }, inline(block.text))
  // Headings of an answer are below those of the page.
  const kind = block.type === 'heading' ? 'prose-heading' : ''
  return h('p', { dir: 'auto', class: kind }, inline(block.text))
}

/**
 * @param {{ readonly code: string, readonly language: string, readonly isNamed?: boolean }} props whether the language stands above
 *   it, in a row of its own
 */
export function CodeBlock({ code, language, isNamed = language !== '' }) {
  const label = language === '' ? 'Code' : `Code in ${language}`
  return h(
    'div',
    { class: classes('code-block', !isNamed && 'is-bare'), dir: 'ltr' },
    h(
      'div',
      { class: 'code-head' },
      isNamed ? h('span', { 'aria-hidden': true }, language) : null,
      h(CopyButton, { label: 'Copy this code', text: () => code }),
    ),
    h('pre', { tabIndex: 0, role: 'group', 'aria-label': label }, h('code', null, code)),
  )
}

/** @param {{ readonly items: readonly Item[] }} props */
function List({ items }) {
  const [first] = items
  const depth = Math.min(...items.map((item) => item.depth))
  /** Items of this depth, each with those below it. @type {{ item: Item, below: Item[] }[]} */
  const rows = []
  for (const item of items) {
    const last = rows.at(-1)
    if (item.depth > depth && last) last.below.push(item)
    else rows.push({ item, below: [] })
  }
  const drawn = rows.map(({ item, below }, i) =>
    h(
      'li',
      { key: i, dir: 'auto' },
      inline(item.text),
      below.length > 0 ? h(List, { items: below }) : null,
    ),
  )
  if (first?.number === undefined) return h('ul', null, drawn)
  return h('ol', first.number === 1 ? null : { start: first.number }, drawn)
}

/**
 * As wide as it needs to be, in a part that scrolls.
 * @param {{ readonly head: readonly string[], readonly rows: readonly (readonly string[])[] }} props
 */
function Table({ head, rows }) {
  return h(
    'div',
    { class: 'prose-table', tabIndex: 0, role: 'group', 'aria-label': 'Table' },
    h(
      'table',
      null,
      h(
        'thead',
        null,
        h(
          'tr',
          null,
          head.map((cell, i) =>
            h(cell === '' ? 'td' : 'th', { key: i, dir: 'auto' }, inline(cell)),
          ),
        ),
      ),
      h(
        'tbody',
        null,
        rows.map((row, i) =>
          h(
            'tr',
            { key: i },
            row.map((cell, j) => h('td', { key: j, dir: 'auto' }, inline(cell))),
          ),
        ),
      ),
    ),
  )
}

/** A sign that is meant as it stands; code; bold, italics and both. */
const SIGNS =
  /(\\[*`_#]|`[^`\n]+`|(?<!\*)\*{3}[^*\n]+\*{3}(?!\*)|\*\*[^*\n]+\*\*|(?<![\w*])\*[^*\s][^*\n]*\*(?![\w*]))/

/**
 * @param {string} text
 * @returns {Children[]}
 */
export function inline(text) {
  return text.split(SIGNS).map((piece, key) => {
    if (/^\\[*`_#]$/.test(piece)) return piece.slice(1)
    if (/^`[^`]+`$/.test(piece)) return h('code', { key }, piece.slice(1, -1))
    // What is inside has no stars, and so goes no deeper.
    if (/^\*{3}[^*]+\*{3}$/.test(piece))
      return h('strong', { key }, h('em', null, inline(piece.slice(3, -3))))
    if (/^\*\*[^*]+\*\*$/.test(piece)) return h('strong', { key }, inline(piece.slice(2, -2)))
    if (/^\*[^*]+\*$/.test(piece)) return h('em', { key }, inline(piece.slice(1, -1)))
    return piece
  })
}
