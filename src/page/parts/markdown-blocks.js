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

const FENCE = /^(\s*)(`{3,}|~{3,})(.*)$/
const FENCE_END = /^(?:`+|~+)$/
const HEADING = /^#{1,6}\s+(.+)$/
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/
const QUOTE = /^\s{0,3}>\s?(.*)$/
const RULE = /^\s{0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/
/** Within an item of a list. */
const INDENTED = /^\s{2,}\S/
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
    const fence = fenceOf(line)
    if (fence) {
      const start = i + 1
      // One that does not end yet goes on to the end.
      do i++
      while (i < lines.length && !isEnd(lines[i] ?? '', fence.mark))
      const inside = lines.slice(start, i).map((one) => outdented(one, fence.indent))
      blocks.push({ type: 'code', text: inside.join('\n'), language: fence.language })
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
 * Where code begins. What stands behind the language, such as a file's name, is no part of the code.
 * @param {string} line
 */
function fenceOf(line) {
  const [, indent = '', mark = '', rest = ''] = FENCE.exec(line) ?? []
  // Code within a line may have three signs too.
  if (mark === '' || (mark.startsWith('`') && rest.includes('`'))) return undefined
  return { indent: indent.length, mark, language: rest.trim().split(/\s/, 1)[0] ?? '' }
}

/**
 * As many signs as it began with, or more.
 * @param {string} line
 * @param {string} mark
 */
function isEnd(line, mark) {
  const end = line.trim()
  return end.length >= mark.length && end[0] === mark[0] && FENCE_END.test(end)
}

/**
 * Without the spaces that its fence is indented by, as within a list.
 * @param {string} line
 * @param {number} indent
 */
function outdented(line, indent) {
  return line.slice(Math.min(indent, line.length - line.trimStart().length))
}

/**
 * @param {string} row
 * @returns {string[]}
 */
function cellsOf(row) {
  return row
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
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
  else if (INDENTED.test(line) && listBefore(blocks)) addToItem(blocks, line)
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
  const list = listBefore(blocks)
  const isSame = depth > 0 || (list?.items[0]?.number === undefined) === (digits === undefined)
  if (!list || !isSame) blocks.push({ type: 'list', items: [item] })
  else {
    if (blocks.at(-1) !== list) blocks.pop()
    list.items.push(item)
  }
}

/**
 * Lines below an item that are indented are its own, over an empty line too.
 * @param {Block[]} blocks that end with a list
 * @param {string} line
 */
function addToItem(blocks, line) {
  const list = listBefore(blocks)
  const item = list?.items.pop()
  if (!list || !item) return
  if (blocks.at(-1) !== list) blocks.pop()
  list.items.push(joined(item, line.trim()))
}

/**
 * The list that the blocks end with, but for an empty line.
 * @param {readonly Block[]} blocks
 */
function listBefore(blocks) {
  const last = blocks.at(-1)
  const list = last?.type === 'text' && last.text === '' ? blocks.at(-2) : last
  return list?.type === 'list' ? list : undefined
}
