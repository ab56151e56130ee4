/**
 * The little Markdown that models write, as elements: headings, lists, code, bold, italics. Everything else is text as it stands.
 * Nothing is ever parsed as HTML, and addresses do not become links: what a model says is no reason to go anywhere.
 */
import { h } from '../element.js'

/** @typedef {import('../types.d.ts').Children} Children */

/**
 * @typedef {{ readonly type: 'code', readonly text: string, readonly language: string }
 *   | { readonly type: 'heading', readonly text: string }
 *   | { readonly type: 'list', readonly ordered: boolean, readonly items: readonly string[] }
 *   | { readonly type: 'text', readonly text: string }} Block
 */

const FENCE = /^\s*```\s*([\w+-]*)\s*$/
const HEADING = /^#{1,6}\s+(.+)$/
const ITEM = /^\s*(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/

/** @param {{ readonly text: string }} props */
export function Markdown({ text }) {
  return h('div', { class: 'prose' }, blocksOf(text).map(drawBlock))
}

/**
 * In time linear in the text, as it is drawn anew with each word.
 * @param {string} text
 * @returns {Block[]}
 */
export function blocksOf(text) {
  /** @type {Block[]} */
  const blocks = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const line = /** @type {string} */ (lines[i])
    const fence = FENCE.exec(line)
    if (fence) {
      const start = i + 1
      // One that does not end yet goes on to the end.
      do i++
      while (i < lines.length && !FENCE.test(/** @type {string} */ (lines[i])))
      const code = lines.slice(start, i).join('\n')
      blocks.push({ type: 'code', text: code, language: fence[1] ?? '' })
      continue
    }
    const heading = HEADING.exec(line)?.[1]
    const item = ITEM.exec(line)
    if (heading !== undefined) blocks.push({ type: 'heading', text: heading })
    else if (item) addItem(blocks, item[2] !== undefined, item[3] ?? '')
    else addLine(blocks, line)
  }
  return blocks.filter((block) => block.type !== 'text' || block.text.trim() !== '')
}

/**
 * @param {Block[]} blocks
 * @param {boolean} ordered
 * @param {string} text
 */
function addItem(blocks, ordered, text) {
  const last = blocks.at(-1)
  if (last?.type === 'list' && last.ordered === ordered) {
    blocks[blocks.length - 1] = { ...last, items: [...last.items, text] }
  } else blocks.push({ type: 'list', ordered, items: [text] })
}

/**
 * Lines of a paragraph stay lines: models mean them.
 * @param {Block[]} blocks
 * @param {string} line
 */
function addLine(blocks, line) {
  const last = blocks.at(-1)
  const isBreak = line.trim() === ''
  if (isBreak || last?.type !== 'text' || last.text === '') {
    blocks.push({ type: 'text', text: isBreak ? '' : line })
  } else blocks[blocks.length - 1] = { type: 'text', text: `${last.text}\n${line}` }
}

/**
 * @param {Block} block
 * @param {number} key
 */
function drawBlock(block, key) {
  if (block.type === 'code') {
    return h('pre', { key, tabIndex: 0, 'aria-label': 'Code' }, h('code', null, block.text))
  }
  // Headings of an answer are below those of the page.
  if (block.type === 'heading') return h('p', { key, class: 'prose-heading' }, inline(block.text))
  if (block.type === 'list') {
    const items = block.items.map((item, i) => h('li', { key: i }, inline(item)))
    return block.ordered ? h('ol', { key }, items) : h('ul', { key }, items)
  }
  return h('p', { key }, inline(block.text))
}

/**
 * @param {string} text
 * @returns {Children[]}
 */
export function inline(text) {
  return text
    .split(/(`[^`\n]+`|\*\*[^*\n]+\*\*|(?<![\w*])\*[^*\s][^*\n]*\*(?![\w*]))/)
    .map((piece, key) => {
      if (/^`[^`]+`$/.test(piece)) return h('code', { key }, piece.slice(1, -1))
      if (/^\*\*[^*]+\*\*$/.test(piece)) return h('strong', { key }, piece.slice(2, -2))
      if (/^\*[^*]+\*$/.test(piece)) return h('em', { key }, piece.slice(1, -1))
      return piece
    })
}
