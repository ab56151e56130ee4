/** The little Markdown of answers: whatever a model says, nothing of it is lost, and nothing becomes anything but text. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { pageModule } from '../support/page-modules.ts'
import { propertyRuns } from '../support/property-runs.ts'

type Component = (props: unknown) => unknown
type ClassComponent = new (props: unknown) => { render(props: unknown): unknown }
type Node =
  | string
  | { readonly type: string | Component; readonly props: { readonly children?: unknown } }
interface Block {
  readonly type: string
  readonly text?: string
  readonly language?: string
  readonly items?: readonly { readonly text: string; readonly depth: number }[]
  readonly head?: readonly string[]
  readonly rows?: readonly (readonly string[])[]
}
const { inline, Markdown } = await pageModule<{
  inline(text: string): readonly Node[]
  Markdown(props: { readonly text: string }): Node
}>('parts/markdown.js')
const { blocksOf } = await pageModule<{ blocksOf(text: string): readonly Block[] }>(
  'parts/markdown-blocks.js',
)

const ELEMENTS = new Set(
  'div p pre code ul ol li strong em span hr blockquote table thead tbody tr th td'.split(' '),
)

/** With components drawn, but for the button, which is nothing of the text. */
function drawn(node: unknown): unknown {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return node
  const { type, props } = node as Exclude<Node, string>
  if (typeof type === 'string') return node
  if (type.name === 'CopyButton') return undefined
  if (!('render' in (type.prototype ?? {}))) return drawn(type(props))
  return drawn(new (type as unknown as ClassComponent)(props).render(props))
}

function elementsIn(vnode: unknown): string[] {
  const node = drawn(vnode)
  if (Array.isArray(node)) return node.flatMap(elementsIn)
  if (typeof node !== 'object' || node === null) return []
  const { type, props } = node as Exclude<Node, string>
  assert.equal('dangerouslySetInnerHTML' in props, false)
  return [String(type), ...elementsIn(props.children)]
}

function textIn(vnode: unknown): string {
  const node = drawn(vnode)
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
        '> ',
        '---',
        '| a | b |\n',
        '|---|:-:|\n',
        '|',
        '  - ',
        '~~~',
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
        said.filter((text) => !/\d|```|~~~/.test(text)),
        (text) => {
          // The sign of a quote is drawn as a line beside it.
          const words = text.replaceAll(/^\s{0,3}>/gm, '')
          assert.equal(letters(textIn(Markdown({ text }))), letters(words))
        },
      ),
      propertyRuns(300, t),
    )
  })

  it('draws code, lists, tables, quotes, bold and italics, and leaves lone signs alone', () => {
    const text = [
      ...['# Title', 'It is **so** and *so*: `x < 1`', '', '- one', '  - below', '', '- two', ''],
      ...['1. first', '', '```js', 'let a = "<b>"', '```', '2 * 3 * 4', '---', '> said', '> so'],
      ...['| a | b |', '|---|--:|', '| 1 | 2 |', '| 3 |'],
    ].join('\n')
    assert.deepEqual(
      blocksOf(text).map(({ type, text: words, items, head, rows }) => [
        type,
        words ?? items?.map((item) => `${item.depth} ${item.text}`) ?? head?.concat(...rows!),
      ]),
      [
        ['heading', 'Title'],
        ['text', 'It is **so** and *so*: `x < 1`'],
        ['list', ['0 one', '1 below', '0 two']],
        ['list', ['0 first']],
        ['code', 'let a = "<b>"'],
        ['text', '2 * 3 * 4'],
        ['rule', undefined],
        ['quote', 'said\nso'],
        ['table', ['a', 'b', '1', '2', '3']],
      ],
    )
    assert.deepEqual(elementsIn(inline('It is **so** and *so*: `x < 1`')), ['strong', 'em', 'code'])
    assert.deepEqual(elementsIn(inline('2 * 3 * 4, a*b*c, **, ``')), [])
    assert.deepEqual(elementsIn(Markdown({ text: '- a\n  - b' })).slice(1), [
      'ul',
      'li',
      'ul',
      'li',
    ])
  })

  it('knows where code begins and ends, in a list and with more behind the language', () => {
    const blocks = (...lines: string[]) =>
      blocksOf(lines.join('\n')).map(({ type, text, items }) => [
        type,
        text ?? items?.map((item) => item.text),
      ])
    assert.deepEqual(
      blocks('1. one', '   ```js title="a.js"', '   if (x)', '     y()', '   ```', '2. two'),
      [
        ['list', ['one']],
        ['code', 'if (x)\n  y()'],
        ['list', ['two']],
      ],
    )
    assert.equal(blocksOf('```js title="a.js"\n1')[0]?.language, 'js')
    // Longer fences have shorter ones in them, and are ended by longer ones.
    assert.deepEqual(blocks('````md', '```', 'a', '```', '`````', 'b'), [
      ['code', '```\na\n```'],
      ['text', 'b'],
    ])
    assert.deepEqual(blocks('```not code``` of a block'), [['text', '```not code``` of a block']])
  })

  it('keeps what belongs to an item in it', () => {
    const [list, after] = blocksOf('1. **one**\n   more of it\n\n   and more\n\n2. two\n\nafter')
    assert.deepEqual(
      list?.items?.map((item) => item.text),
      ['**one**\nmore of it\nand more', 'two'],
    )
    assert.equal(after?.text, 'after')
  })

  it('draws code in bold, bold italics, and signs that are meant as they stand', () => {
    const drawnOf = (text: string) => [elementsIn(inline(text)), textIn(inline(text))]
    assert.deepEqual(drawnOf('**`x` of**'), [['strong', 'code'], 'x of'])
    assert.deepEqual(drawnOf('***both***'), [['strong', 'em'], 'both'])
    assert.deepEqual(drawnOf('2 \\* 3 \\* 4, snake\\_case'), [[], '2 * 3 * 4, snake_case'])
    assert.deepEqual(blocksOf('| a\\|b | c |\n|---|---|\n')[0]?.head, ['a|b', 'c'])
  })

  it('is cut in time that grows as the text does', () => {
    for (const piece of [
      '- ',
      '|',
      '| ',
      '> ',
      '---',
      '*a',
      '`',
      '  - x\n',
      '```\n',
      '|-|\n',
      '``` ',
      '***',
      '- a\n  b\n',
      '\\\\*',
    ]) {
      // A minute and more if it grew with the square.
      Markdown({ text: piece.repeat(100_000) })
    }
  })
})
