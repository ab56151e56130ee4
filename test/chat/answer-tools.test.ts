import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TEMPLATE_FORMATS } from '../../models/tools/formats.ts'
import { answer } from '../../src/chat/answer.ts'
import type { ChatEvent, ChatRequest, ToolChoice } from '../../src/chat/contract.ts'
import type { ServedModel } from '../../src/chat/model.ts'
import { GenerationStream } from '../../src/engine/generation.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const dir = new URL('../fixtures/decoders/qwen2/checkpoint/', import.meta.url).pathname
const timings = { queueMs: 0, prefillMs: 0, decodeMs: 0 }
const CALL = '<tool_call>\n{"name": "f", "arguments": {"city": "你好 😀"}}\n</tool_call>'

describe('a generation that may call tools', async () => {
  const tokenizer = await Tokenizer.load(dir)
  const { calls } = TEMPLATE_FORMATS.find(({ name }) => name === 'hermes')!

  interface Asked {
    readonly stop?: readonly string[]
    readonly toolChoice?: ToolChoice
    readonly parallelToolCalls?: boolean
    readonly reason?: 'stop' | 'length'
    readonly logprobs?: boolean
    readonly special?: string
  }

  /** Lets each token of a text arrive by itself. */
  async function eventsOf(text: string, asked: Asked = {}) {
    const { reason = 'stop', special, logprobs = false, ...request } = asked
    const stopped: number[] = []
    const stream = new GenerationStream({
      onAbort: () => undefined,
      onStop: (choice) => stopped.push(choice),
    })
    const shown = special === undefined ? [] : [tokenizer.idOf(special)!]
    const model = { tokenizer, tools: { calls, shownIds: new Set(shown) } }
    const whole = {
      ...{ n: 1, stop: [], tools: [{ name: 'f' }], toolChoice: { mode: 'auto' } },
      ...{ parallelToolCalls: true, ...request },
    }
    const nothing = { imageTokens: 0, videoTokens: 0, soundTokens: 0 }
    const events: ChatEvent[] = []
    const reading = (async () => {
      const [served, chat] = [model as unknown as ServedModel, whole as unknown as ChatRequest]
      for await (const event of answer(served, chat, stream, nothing, [])) events.push(event)
    })()
    for (const id of tokenizer.encode(text)) {
      stream.push({ type: 'token', choice: 0, id, ...(logprobs && { logprob: -1, top: [] }) })
      await new Promise(setImmediate)
    }
    stream.push({ type: 'finish', choice: 0, reason, timings, drafted: 0, accepted: 0 })
    stream.close()
    await reading
    return { events, stopped }
  }

  const said = (events: readonly ChatEvent[]) => ({
    text: events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : [])).join(''),
    calls: events.flatMap((event) => (event.type === 'tool-call-start' ? [event.name] : [])),
    arguments: events
      .flatMap((event) => (event.type === 'tool-call-delta' ? [event.arguments] : []))
      .join(''),
    finish: events.flatMap((event) => (event.type === 'finish' ? [event.reason] : [])).join(' '),
  })

  it('streams the arguments as they come, whole code points', async () => {
    const { events } = await eventsOf(`Sure. ${CALL}`)
    const deltas = events.flatMap((event) =>
      event.type === 'tool-call-delta' ? [event.arguments] : [],
    )
    assert.ok(deltas.length > 3)
    assert.ok(deltas.every((delta) => !delta.includes('\ufffd')))
    assert.deepEqual(said(events), {
      ...{ text: 'Sure.', calls: ['f'], arguments: '{"city": "你好 😀"}', finish: 'tool-calls' },
    })
    const [start] = events.filter((event) => event.type === 'tool-call-start')
    assert.match(start!.id, /^call_[0-9a-f]{24}$/)
    assert.equal(
      events.indexOf(start!) < events.findIndex(({ type }) => type === 'tool-call-delta'),
      true,
    )
  })

  it('counts the calls of a choice, each with an id of its own', async () => {
    const { events } = await eventsOf(`${CALL}\n${CALL}`)
    const starts = events.flatMap((event) => (event.type === 'tool-call-start' ? [event] : []))
    assert.deepEqual(
      starts.map(({ call }) => call),
      [0, 1],
    )
    assert.notEqual(starts[0]!.id, starts[1]!.id)
  })

  it('ends with its first call where one answer has one', async () => {
    const { events, stopped } = await eventsOf(`${CALL}\n${CALL} more`, {
      parallelToolCalls: false,
    })
    assert.deepEqual(said(events), {
      ...{ text: '', calls: ['f'], arguments: '{"city": "你好 😀"}', finish: 'tool-calls' },
    })
    assert.deepEqual(stopped, [0])
    const [usage] = events.filter(({ type }) => type === 'usage')
    assert.ok(usage?.type === 'usage')
    assert.ok(usage.completionTokens < tokenizer.encode(`${CALL}\n${CALL} more`).length)
  })

  it('says what there was of a call that the limit cut', async () => {
    const cut = CALL.slice(0, CALL.indexOf('好'))
    assert.deepEqual(said((await eventsOf(cut, { reason: 'length' })).events), {
      ...{ text: '', calls: ['f'], arguments: '{"city": "你', finish: 'length' },
    })
  })

  it('says what there was of a call that a stop text cut, and that it was cut', async () => {
    assert.deepEqual(said((await eventsOf(CALL, { stop: ['好'] })).events), {
      ...{ text: '', calls: ['f'], arguments: '{"city": "你', finish: 'stop' },
    })
    assert.equal(
      said((await eventsOf(`${CALL} END`, { stop: [' END'] })).events).finish,
      'tool-calls',
    )
  })

  it('finds no calls where none may be made', async () => {
    const { events } = await eventsOf(CALL, { toolChoice: { mode: 'none' } })
    assert.deepEqual(said(events), { text: CALL, calls: [], arguments: '', finish: 'stop' })
  })

  it('says nothing of a required call that was cut before its name', async () => {
    const asked = { toolChoice: { mode: 'required' }, reason: 'length' } as const
    assert.deepEqual(said((await eventsOf('<tool_call>\n{"na', asked)).events), {
      ...{ text: '', calls: [], arguments: '', finish: 'length' },
    })
  })

  it('has log probabilities of its text and of no call', async () => {
    const { events } = await eventsOf(`Sure.\n${CALL}\nDone.`, { logprobs: true })
    const tokens = events.flatMap((event) =>
      event.type === 'text-delta' ? (event.logprobs ?? []) : [],
    )
    const text = tokens.map(({ token }) => token).join('')
    assert.equal(text.replaceAll('\n', ''), 'Sure.Done.')
  })

  it('sees a mark that is a special token, which other answers do not show', async () => {
    const special = tokenizer.specialTokens.find((token) =>
      tokenizer.isSpecial(tokenizer.idOf(token)!),
    )!
    const text = `a${special}b`
    assert.equal(said((await eventsOf(text, { special })).events).text, text)
    assert.equal(said((await eventsOf(text)).events).text, 'ab')
  })
})
