/** An answer that grows: drawn at most once a frame, and of it what has changed. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { pageModule } from '../support/page-modules.ts'

interface DrawnBlock {
  readonly type: new (
    props: unknown,
  ) => { shouldComponentUpdate(next: unknown): boolean; props: unknown }
  readonly props: unknown
}
const { Markdown } = await pageModule<{
  Markdown(props: { readonly text: string }): {
    readonly props: { readonly children: readonly DrawnBlock[] }
  }
}>('parts/markdown.js')
const { eachFrame } = await pageModule<{ eachFrame(act: () => void): () => void }>(
  'parts/frames.js',
)

const PIECE = [
  ...[
    '# What is there',
    'A **house** and a `tree`.\nA second line.',
    '- a\n  - b\n\n- c',
    '> said',
  ],
  ...['| a | b |\n|---|---|\n| c | d |', '```js\nlet a = 1\n\nlet b = 2\n```', '---', '3. third'],
].join('\n\n')

/** How many blocks of an answer are drawn when it has become another. */
function redrawn(before: string, after: string): number {
  const [old, now] = [before, after].map((text) => Markdown({ text }).props.children)
  return now!.filter((block, i) => {
    const was = old![i]
    return !was || new was.type(was.props).shouldComponentUpdate(block.props)
  }).length
}

/** A browser's frames, that come when they are told to. */
function frames(t: TestContext): () => void {
  const due = new Map<number, () => void>()
  let last = 0
  const browser = {
    requestAnimationFrame: (act: () => void) => {
      due.set(++last, act)
      return last
    },
    cancelAnimationFrame: (frame: number) => due.delete(frame),
  }
  Object.assign(globalThis, browser)
  t.after(() => {
    for (const name of Object.keys(browser)) Reflect.deleteProperty(globalThis, name)
  })
  return () => {
    const acts = [...due.values()]
    due.clear()
    for (const act of acts) act()
  }
}

describe('an answer that grows', () => {
  it('is drawn anew at its end alone, however long it is', () => {
    const text = `${PIECE}\n\n`.repeat(12)
    const blocks = Markdown({ text }).props.children.length
    assert.ok(blocks > 80, `${blocks}`)
    for (let end = 1; end < text.length; end++) {
      const count = redrawn(text.slice(0, end), text.slice(0, end + 1))
      assert.ok(count <= 2, `${count} blocks for ${JSON.stringify(text.slice(end - 20, end + 1))}`)
    }
  })

  it('is drawn once a frame, with all that has come until then', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const frame = frames(t)
    let words = 0
    const drawn: number[] = []
    const draw = eachFrame(() => drawn.push(words))
    for (; words < 1000; words++) {
      if (words % 100 === 50) frame()
      draw()
    }
    frame()
    assert.deepEqual(drawn, [50, 150, 250, 350, 450, 550, 650, 750, 850, 950, 1000])
    t.mock.timers.tick(10_000)
    assert.equal(drawn.length, 11)
  })

  it('is drawn where there are no frames too, as in a tab in the background', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const frame = frames(t)
    let count = 0
    const draw = eachFrame(() => count++)
    for (let i = 0; i < 10; i++) draw()
    await turn()
    assert.equal(count, 0)
    t.mock.timers.tick(1000)
    frame()
    assert.equal(count, 1)
  })
})
