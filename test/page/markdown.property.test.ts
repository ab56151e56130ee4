/** The little Markdown of answers: whatever a model says, nothing of it is lost, and nothing becomes anything but text. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pageModule } from '../support/page-modules.ts'
import { propertyRuns } from '../support/property-runs.ts'

type Node = string | { readonly type: string; readonly props: { readonly children?: unknown } }
interface Block {
  readonly type: string
  readonly text?: string
  readonly items?: readonly string[]
}
const { blocksOf, inline, Markdown } = await pageModule<{
  blocksOf(text: string): readonly Block[]
  inline(text: string): readonly Node[]
  Markdown(props: { readonly text: string }): Node
}>('parts/markdown.js')

const ELEMENTS = new Set(['div', 'p', 'pre', 'code', 'ul', 'ol', 'li', 'strong', 'em'])

function elementsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(elementsIn)
  if (typeof node !== 'object' || node === null) return []
  const { type, props } = node as Exclude<Node, string>
  assert.equal('dangerouslySetInnerHTML' in props, false)
  return [type, ...elementsIn(props.children)]
}

function textIn(node: unknown): string {
  if (Array.isArray(node)) return node.map(textIn).join('')
  if (typeof node === 'string') return node
  return typeof node === 'object' && node !== null
    ? textIn((node as Exclude<Node, string>).props.children)
    : ''
}

/** Markup, HTML and words, as models mix them. */
const said = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '*',
        '**',
        '`',
        '```',
        '```js',
        '#',
        '# ',
        '- ',
        '1. ',
        '\n',
        '\n\n',
        ' ',
        '<b>',
        '</script>',
        '[a](b)',
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''))

const letters = (text: string) => text.replaceAll(/[^\p{L}\p{N}<>[\]()]/gu, '')

describe('Markdown of an answer', () => {
  it('becomes elements of a short list, whatever it says', (t) => {
    fc.assert(
      fc.property(said, (text) => {
        for (const type of elementsIn(Markdown({ text }))) assert.ok(ELEMENTS.has(type), type)
      }),
      propertyRuns(300, t),
    )
  })

  it('loses no word that stands in a line', (t) => {
    fc.assert(
      fc.property(
        // Numbers of lists and languages of fences are drawn by the browser, or not at all.
        said.filter((text) => !/\d|```/.test(text)),
        (text) => assert.equal(letters(textIn(Markdown({ text }))), letters(text)),
      ),
      propertyRuns(300, t),
    )
  })

  it('draws code, lists, headings, bold and italics, and leaves lone signs alone', () => {
    const text =
      '# Title\nIt is **so** and *so*: `x < 1`\n\n- one\n- two\n\n1. first\n\n```js\nlet a = "<b>"\n```\n2 * 3 * 4'
    assert.deepEqual(
      blocksOf(text).map(({ type, text: words, items }) => [type, words ?? items]),
      [
        ['heading', 'Title'],
        ['text', 'It is **so** and *so*: `x < 1`'],
        ['list', ['one', 'two']],
        ['list', ['first']],
        ['code', 'let a = "<b>"'],
        ['text', '2 * 3 * 4'],
      ],
    )
    assert.deepEqual(elementsIn(inline('It is **so** and *so*: `x < 1`')), ['strong', 'em', 'code'])
    assert.deepEqual(elementsIn(inline('2 * 3 * 4, a*b*c, **, ``')), [])
  })
})
