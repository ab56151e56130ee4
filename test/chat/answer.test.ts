import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answer } from '../../src/chat/answer.ts'
import type { ChatEvent, ChatRequest } from '../../src/chat/contract.ts'
import type { ServedModel } from '../../src/chat/model.ts'
import { GenerationStream } from '../../src/engine/generation.ts'
import type { GenerationEvent } from '../../src/engine/types.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const dir = new URL('../fixtures/decoders/qwen2/checkpoint/', import.meta.url).pathname
const NO_TOOLS = { tools: [], toolChoice: { mode: 'auto' }, parallelToolCalls: true }
const timings = { queueMs: 0, prefillMs: 0, decodeMs: 0 }

describe('a generation on its way to text', async () => {
  const tokenizer = await Tokenizer.load(dir)
  const token = (text: string, choice = 0): GenerationEvent => {
    const [id, ...more] = tokenizer.encode(text)
    assert.ok(id !== undefined && more.length === 0, `${text} is not one token`)
    return { type: 'token', choice, id, logprob: -1 }
  }
  const finish = (choice = 0): GenerationEvent => ({
    type: 'finish',
    choice,
    reason: 'length',
    timings,
    drafted: 4,
    accepted: 3,
  })

  /** Lets each group of events arrive at once, the next when all that came of the last has been read. */
  async function eventsOf(
    groups: readonly (readonly GenerationEvent[])[],
    request: { n?: number; stop?: readonly string[]; tellsProgress?: boolean } = {},
  ): Promise<{ events: ChatEvent[]; error: unknown; stopped: number[] }> {
    const stopped: number[] = []
    const stream = new GenerationStream({
      onAbort: () => undefined,
      onStop: (choice) => stopped.push(choice),
    })
    const asked = { n: 1, stop: [], ...NO_TOOLS, ...request } as unknown as ChatRequest
    const model = { tokenizer } as unknown as ServedModel
    const nothing = { imageTokens: 0, videoTokens: 0, soundTokens: 0 }
    const events: ChatEvent[] = []
    let error: unknown
    const reading = (async () => {
      for await (const event of answer(model, asked, stream, nothing, [])) events.push(event)
    })().catch((cause) => {
      error = cause
    })
    for (const group of groups) {
      for (const event of group) stream.push(event)
      await new Promise(setImmediate)
    }
    stream.close()
    await reading
    return { events, error, stopped }
  }

  const texts = (events: readonly ChatEvent[], choice = 0) =>
    events.flatMap((event) =>
      event.type === 'text-delta' && event.choice === choice ? [event.text] : [],
    )

  it('sends tokens that came together together, and the others as they come', async () => {
    const { events } = await eventsOf([
      [token('a')],
      [token('b'), token('c')],
      [token('d'), finish()],
    ])
    assert.deepEqual(texts(events), ['a', 'bc', 'd'])
  })

  it('counts what each choice has cost so far in front of what it says, where that is asked for', async () => {
    const prefill: GenerationEvent = {
      ...{ type: 'prefill', promptTokens: 7, cachedTokens: 3 },
      timings: { submittedAt: 0, admittedAt: 0, promptReadAt: 0 },
    }
    const groups = [
      [prefill, token('a', 0), token('b', 1), token('c', 0)],
      [token('d', 0), finish(0)],
      [finish(1)],
    ]
    const counted = ({ events }: { events: readonly ChatEvent[] }) =>
      events.flatMap((event, i) => {
        if (event.type !== 'progress') return []
        const { choice, promptTokens, cachedTokens, completionTokens } = event
        const next = events[i + 1]!
        assert.ok('choice' in next && next.choice === choice)
        return [[next.type, choice, promptTokens, cachedTokens, completionTokens]]
      })
    assert.deepEqual(counted(await eventsOf(groups, { n: 2, tellsProgress: true })), [
      ['text-delta', 0, 7, 3, 2],
      ['text-delta', 1, 7, 3, 1],
      ['text-delta', 0, 7, 3, 3],
      ['finish', 0, 7, 3, 3],
      ['finish', 1, 7, 3, 1],
    ])
    assert.deepEqual(counted(await eventsOf(groups, { n: 2 })), [])
  })

  it('keeps one log probability a token', async () => {
    const { events } = await eventsOf([[token('a'), token('b'), token('c')], [finish()]])
    const [delta] = events
    assert.ok(delta?.type === 'text-delta')
    assert.deepEqual(
      delta.logprobs?.map((entry) => entry.token),
      ['a', 'b', 'c'],
    )
  })

  it('keeps choices apart, and ends each behind its last text', async () => {
    const { events } = await eventsOf(
      [[token('a', 0), token('b', 1), token('c', 0), finish(0), token('d', 1)], [finish(1)]],
      { n: 2 },
    )
    assert.deepEqual([texts(events, 0), texts(events, 1)], [['ac'], ['bd']])
    const order = events.flatMap((event) =>
      'choice' in event ? [`${event.type} ${event.choice}`] : [],
    )
    assert.deepEqual(order, ['text-delta 0', 'finish 0', 'text-delta 1', 'finish 1'])
  })

  it('ends at a stop string within a group', async () => {
    const group = [token('a'), token('b'), token('c')]
    const { events, stopped } = await eventsOf([group, [finish()]], { stop: ['b'] })
    assert.equal(texts(events).join(''), 'a')
    assert.deepEqual(stopped, [0])
  })

  it('sends what there was before it tells of a failure', async () => {
    const failure = { code: 'backend_failure' as const, message: 'gone' }
    const { events, error } = await eventsOf([
      [token('a'), token('b'), { type: 'error', error: failure }],
    ])
    assert.deepEqual(texts(events), ['ab'])
    assert.match(String(error), /gone/)
  })
})
