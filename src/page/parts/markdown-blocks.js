/** The little Markdown that models write, cut into blocks, line by line. In time linear in the text, as it is cut anew with each word. */

/**
 * @typedef {{ readonly text: string, readonly depth: number, readonly number: number | undefined }} Item
 * @typedef {{ readonly type: 'code', readonly text: string, readonly language: string }
 *   | { readonly type: 'heading', readonly text: string }
 *   | { readonly type: 'list', readonly items: Item[] }
 *   | { readonly type: 'table', readonly head: readonly string[], readonly rows: (readonly string[])[] }
 *   | { readonly type: 'quote', readonly text: string }
 *   | { readonly type: 'rule' }
 *   | { readonly type: 'text', readonly text: string }} Block
 */

const FENCE = /^\s*(```+|~~~+)\s*([\w+#.-]*)\s*$/
const HEADING = /^#{1,6}\s+(.+)$/
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/
const QUOTE = /^\s{0,3}>\s?(.*)$/
const RULE = /^\s{0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/
const ROW = /^\s*\|.*\|\s*$/
const ROW_RULE = /^\s*\|(?:\s*:?-+:?\s*\|)+\s*$/

/** Spaces that a list within a list begins with, as models write them. */
const DEEPER = 2
const MOST_DEPTH = 6

/**
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
      const mark = /** @type {string} */ (fence[1])
      // One that does not end yet goes on to the end.
      do i++
      while (i < lines.length && lines[i]?.trim() !== mark)
      blocks.push({
        type: 'code',
        text: lines.slice(start, i).join('\n'),
        language: fence[2] ?? '',
      })
    } else if (ROW.test(line) && ROW_RULE.test(lines[i + 1] ?? '')) {
      const head = cellsOf(line)
      /** @type {string[][]} */
      const rows = []
      for (i++; ROW.test(lines[i + 1] ?? ''); i++)
        rows.push(cellsOf(/** @type {string} */ (lines[i + 1])))
      blocks.push({ type: 'table', head, rows })
    } else addLine(blocks, line)
  }
  return blocks.filter((block) => block.type !== 'text' || block.text.trim() !== '')
}

/**
 * @param {string} row
 * @returns {string[]}
 */
function cellsOf(row) {
  return row
    .trim()
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}

/**
 * @param {Block[]} blocks
 * @param {string} line
 */
function addLine(blocks, line) {
  const last = blocks.at(-1)
  const heading = HEADING.exec(line)?.[1]
  const quote = QUOTE.exec(line)?.[1]
  if (heading !== undefined) blocks.push({ type: 'heading', text: heading })
  else if (RULE.test(line)) blocks.push({ type: 'rule' })
  else if (quote !== undefined) {
    if (last?.type === 'quote') blocks[blocks.length - 1] = joined(last, quote)
    else blocks.push({ type: 'quote', text: quote })
  } else if (ITEM.test(line)) addItem(blocks, line)
  else if (line.trim() === '') blocks.push({ type: 'text', text: '' })
  // Lines of a paragraph stay lines: models mean them.
  else if (last?.type === 'text' && last.text !== '') blocks[blocks.length - 1] = joined(last, line)
  else blocks.push({ type: 'text', text: line })
}

/**
 * @template {{ readonly text: string }} T
 * @param {T} block
 * @param {string} line
 * @returns {T}
 */
function joined(block, line) {
  return { ...block, text: `${block.text}\n${line}` }
}

/**
 * Items go on over an empty line between them.
 * @param {Block[]} blocks
 * @param {string} line
 */
function addItem(blocks, line) {
  const [, indent = '', digits, text = ''] = ITEM.exec(line) ?? []
  const depth = Math.min(MOST_DEPTH, Math.floor(indent.length / DEEPER))
  const item = { text, depth, number: digits === undefined ? undefined : Number(digits) }
  const isAfterGap = blocks.at(-1)?.type === 'text' && textOf(blocks.at(-1)) === ''
  const list = blocks.at(isAfterGap ? -2 : -1)
  const isSame =
    list?.type === 'list' &&
    (depth > 0 || (list.items[0]?.number === undefined) === (digits === undefined))
  if (!isSame) blocks.push({ type: 'list', items: [item] })
  else {
    if (isAfterGap) blocks.pop()
    list.items.push(item)
  }
}

/** @param {Block | undefined} block */
function textOf(block) {
  return block?.type === 'text' ? block.text : undefined
}
