/** Requests on their way to a model that may have to be loaded first. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ChatRequest, ChatService } from '../../src/chat/contract.ts'
import { greedyRequest } from '../../src/chat/greedy-request.ts'
import { AerieError } from '../../src/errors.ts'
import type { AcquireOptions, LoadedModel, ModelLender } from '../../src/serving/contract.ts'
import { routeChat } from '../../src/serving/route-chat.ts'
import { routeEmbeddings } from '../../src/serving/route-embeddings.ts'
import { routeSpeech } from '../../src/serving/route-speech.ts'

const never = new AbortController().signal
const ask = (changes: Partial<ChatRequest> = {}) => greedyRequest('poems', [], changes)

/** A model `llama`, with the adapter `poems`, that takes a while to come, and says what it was asked. */
function lender(loadMs: number) {
  const seen: ChatRequest[] = []
  const asked: AcquireOptions[] = []
  let leases = 0
  const chat = {
    async *complete(request: ChatRequest) {
      seen.push(request)
      yield { type: 'finish', choice: 0, reason: 'stop' } as const
      yield { type: 'finish', choice: 1, reason: 'stop' } as const
    },
    async tokenize() {
      throw new Error('broken')
    },
  } satisfies Partial<ChatService>
  const models: ModelLender = {
    resolve: () => ({ id: 'llama', kind: 'chat', adapter: 'poems' }),
    acquire: (_id, options) => {
      asked.push(options)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          leases++
          const model = { chat } as unknown as LoadedModel
          resolve({ model, waited: loadMs > 0, [Symbol.dispose]: () => void leases-- })
        }, loadMs)
        options.signal.addEventListener('abort', () => {
          clearTimeout(timer)
          reject(new AerieError('cancelled', 'nobody waits any more'))
        })
      })
    },
  }
  return { models, seen, asked, leases: () => leases }
}

async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const event of events) list.push(event)
  return list
}

describe('a request to a model', () => {
  it('reaches it under its own name, with the adapter that was meant', async () => {
    const { models, seen } = lender(0)
    await all(routeChat(models, 1000).complete(ask({ deadlineMs: 900 }), never))
    const [{ model, adapter, deadlineMs }] = seen as [ChatRequest]
    assert.deepEqual(
      { model, adapter, deadlineMs },
      { model: 'llama', adapter: 'poems', deadlineMs: 900 },
    )
  })

  it('has what is left of its time when the model is there', async () => {
    const { models, seen } = lender(30)
    await all(routeChat(models, 10_000).complete(ask(), never))
    assert.ok(seen[0]!.deadlineMs! < 10_000, `${seen[0]!.deadlineMs} ms`)
  })

  it('ends with its deadline, or its client, while the model is not there', async () => {
    const { models, leases } = lender(60_000)
    const late = all(routeChat(models, 10_000).complete(ask({ deadlineMs: 20 }), never))
    await assert.rejects(late, { code: 'deadline_exceeded', message: /within 20 ms/ })
    const gone = AbortSignal.timeout(20)
    await assert.rejects(all(routeChat(models, 10_000).complete(ask(), gone)), {
      code: 'cancelled',
    })
    const embedding = { model: 'x', inputs: [], output: undefined, size: 'auto' } as const
    const more = { dimensions: undefined, tenant: 't', priority: 'live', deadlineMs: 20 } as const
    await assert.rejects(routeEmbeddings(models, 10_000).embed({ ...embedding, ...more }, never), {
      code: 'deadline_exceeded',
    })
    const sound = { path: '/x', byteLength: 1, param: 'file' }
    const transcript = routeSpeech(models, 20).transcribe(
      {
        ...{ task: 'transcribe', model: 'x', sound, language: undefined, prompt: undefined },
        ...{ temperature: 0, timestamps: false, words: false },
      },
      never,
    )
    await assert.rejects(all(transcript), { code: 'deadline_exceeded' })
    assert.equal(leases(), 0)
  })

  it('holds the model until its last event, or until nobody reads on', async () => {
    const { models, leases } = lender(0)
    const events = routeChat(models, 1000).complete(ask(), never)[Symbol.asyncIterator]()
    await events.next()
    assert.equal(leases(), 1)
    await events.return!()
    assert.equal(leases(), 0)
    const input = { type: 'text', text: 'x', addsSpecialTokens: false } as const
    const tokenize = { ...ask(), input, returnIds: false, returnStrings: false }
    await assert.rejects(routeChat(models, 1000).tokenize(tokenize, never), /broken/)
    assert.equal(leases(), 0)
  })

  it('of a batch waits for a part of its time, to come back later; a live one for all of it', async () => {
    const { models, asked } = lender(0)
    await all(routeChat(models, 1000).complete(ask({ priority: 'batch' }), never))
    await all(routeChat(models, 1000).complete(ask(), never))
    assert.deepEqual(
      asked.map(({ priority }) => priority),
      ['batch', 'live'],
    )
    assert.ok(asked[0]!.patienceMs! <= 750 && asked[0]!.patienceMs! > 0)
    assert.equal(asked[1]!.patienceMs, undefined)
  })
})
