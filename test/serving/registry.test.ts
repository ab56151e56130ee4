/** Models that come when they are asked for and go when others need the memory. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { AerieError } from '../../src/errors.ts'
import type { AcquireOptions, Lease } from '../../src/serving/contract.ts'
import type { ModelRegistry } from '../../src/serving/registry.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { type FakeModel, fakeModel, fakeRegistry } from '../support/fake-models.ts'

const never = new AbortController().signal

function acquire(
  registry: ModelRegistry,
  id: string,
  options: Partial<AcquireOptions> = {},
): Promise<Lease> {
  return registry.acquire(id, { priority: 'live', signal: never, ...options })
}

const stateOf = (registry: ModelRegistry, id: string) => registry.find(id).state

/** Lets everything happen that can without a timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await turn()
}

/** Keeps a model from being found, or opened, until it is called. */
function hold(model: FakeModel, gate: 'findGate' | 'openGate' = 'findGate'): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  model[gate] = promise
  return resolve
}

describe('a registry of models', () => {
  it('loads a model when it is asked for, once for all who ask meanwhile', async () => {
    const a = fakeModel('a', 5)
    const registry = fakeRegistry([a])
    assert.equal(stateOf(registry, 'a'), 'unloaded')
    const open = hold(a)
    const asked = [acquire(registry, 'a'), acquire(registry, 'a'), acquire(registry, 'a')]
    await settle()
    assert.equal(stateOf(registry, 'a'), 'loading')
    assert.equal(registry.find('a').waiting, 3)
    open()
    const leases = await Promise.all(asked)
    assert.deepEqual(a.log, ['find', 'open'])
    assert.deepEqual([...new Set(leases.map(({ waited }) => waited))], [true])
    const { state, leases: inUse, waiting } = registry.find('a')
    assert.deepEqual({ state, inUse, waiting }, { state: 'loaded', inUse: 3, waiting: 0 })
    using at = await acquire(registry, 'a')
    assert.equal(at.waited, false)
    await registry.dispose()
    assert.deepEqual(a.log, ['find', 'open', 'close'])
  })

  it('never lets a model go that is in use, and gives its memory to the next as soon as it is not', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    const lease = await acquire(registry, 'a')
    const waits = acquire(registry, 'b')
    await settle()
    assert.deepEqual([stateOf(registry, 'a'), b.log], ['unloading', ['find']])
    lease[Symbol.dispose]()
    lease[Symbol.dispose]()
    using _ = await waits
    assert.deepEqual(
      [a.log, b.log],
      [
        ['find', 'open', 'close'],
        ['find', 'open'],
      ],
    )
    assert.equal(registry.find('a').evictions.memory, 1)
    await registry.dispose()
  })

  it('has those who ask for a model that is going stand behind whoever it goes for', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    const order: string[] = []
    const first = await acquire(registry, 'a')
    const second = acquire(registry, 'b').then((lease) => {
      order.push('b')
      return lease
    })
    await settle()
    const third = acquire(registry, 'a').then((lease) => {
      order.push('a')
      return lease
    })
    await settle()
    first[Symbol.dispose]()
    const lease = await second
    lease[Symbol.dispose]()
    ;(await third)[Symbol.dispose]()
    assert.deepEqual(order, ['b', 'a'])
    await registry.dispose()
  })

  it('lets a busy model go on when nobody needs its memory any more', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    using _ = await acquire(registry, 'a')
    const client = new AbortController()
    const waits = acquire(registry, 'b', { signal: client.signal })
    await settle()
    const alsoWaits = acquire(registry, 'a')
    await settle()
    client.abort()
    await assert.rejects(waits, { code: 'cancelled' })
    using again = await alsoWaits
    assert.ok(again)
    assert.deepEqual([stateOf(registry, 'a'), stateOf(registry, 'b')], ['loaded', 'unloaded'])
    await registry.dispose()
  })

  it('gives a load up when nobody waits for it any more, and not before', async () => {
    const a = fakeModel('a', 6)
    const registry = fakeRegistry([a])
    const open = hold(a)
    const clients = [new AbortController(), new AbortController()]
    const waits = clients.map(({ signal }) => acquire(registry, 'a', { signal }))
    const settled = Promise.allSettled(waits)
    await settle()
    clients[0]!.abort()
    await settle()
    assert.equal(stateOf(registry, 'a'), 'loading')
    clients[1]!.abort()
    open()
    await settled
    await settle()
    assert.deepEqual([stateOf(registry, 'a'), a.log], ['unloaded', ['find']])
    await registry.dispose()
  })

  it('keeps a model that was opened for somebody who has gone, as the first to go', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b], { minResidenceMs: 60_000 })
    const open = hold(a, 'openGate')
    const client = new AbortController()
    const waits = acquire(registry, 'a', { signal: client.signal })
    await settle()
    client.abort()
    await assert.rejects(waits, { code: 'cancelled' })
    open()
    await settle()
    assert.equal(stateOf(registry, 'a'), 'loaded')
    // Without waiting for the minute that a was to stay if anybody had wanted it.
    ;(await acquire(registry, 'b'))[Symbol.dispose]()
    assert.equal(stateOf(registry, 'a'), 'unloaded')
    await registry.dispose()
  })

  it('says why a model could not be loaded, without its path, and tries again after a while', async () => {
    let now = 0
    const a = fakeModel('a', 5)
    const registry = fakeRegistry([a], { nowMs: () => now })
    a.failure = new AerieError('invalid_package', '/models/a: config.json is cut off')
    const refused = {
      code: 'model_unavailable',
      message: "model 'a' could not be loaded: a: config.json is cut off",
      retryAfterSeconds: 1,
    }
    const both = await Promise.allSettled([acquire(registry, 'a'), acquire(registry, 'a')])
    for (const one of both) {
      assert.ok(one.status === 'rejected')
      assert.deepEqual({ ...refused }, pick(one.reason, refused))
    }
    assert.deepEqual(registry.find('a').failure, {
      reason: 'a: config.json is cut off',
      retryAfterSeconds: 1,
    })
    await assert.rejects(acquire(registry, 'a'), refused)
    assert.deepEqual(a.log, ['find', 'open', 'fail'])
    now = 1001
    await assert.rejects(acquire(registry, 'a'), {
      code: 'model_unavailable',
      retryAfterSeconds: 2,
    })
    a.failure = undefined
    // By hand at once.
    assert.equal((await registry.load('a', never)).state, 'loaded')
    assert.equal(registry.find('a').failures, 2)
    await registry.dispose()
  })

  it('logs why a model could not be loaded, wherever it failed, and never says where adapters lie', async () => {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const logger = createLogger({ level: 'error', pretty: false, stream })
    const places = new Map([
      ['/models/a', 'a'],
      ['/models/a/poet', 'poet'],
    ])
    const a = fakeModel('a', 5, { places })
    const registry = fakeRegistry([a], { logger })
    a.findFailure = new AerieError(
      'invalid_package',
      '/models/a/config.json: there is no such file',
    )
    await assert.rejects(registry.load('a', never), {
      message: "model 'a' could not be loaded: a/config.json: there is no such file",
    })
    a.findFailure = new RangeError('a defect')
    await assert.rejects(registry.load('a', never), {
      message: "model 'a' could not be loaded: a defect; the log has it",
    })
    a.findFailure = undefined
    a.failure = new AerieError('invalid_package', 'adapter poet: /models/a/poet: no config')
    await assert.rejects(registry.load('a', never), {
      message: "model 'a' could not be loaded: adapter poet: poet: no config",
    })
    const logged = lines.map((line) => JSON.parse(line))
    assert.deepEqual(
      logged.map(({ model, err, msg }) => [model, err.message, msg]),
      [
        ['a', '/models/a/config.json: there is no such file', 'the model could not be loaded'],
        ['a', 'a defect', 'the model could not be loaded'],
        ['a', 'adapter poet: /models/a/poet: no config', 'the model could not be loaded'],
      ],
    )
    await registry.dispose()
  })

  it('tries one by itself again that was to be there, since nobody asks a server that is not ready', async () => {
    const [a, b] = [fakeModel('a', 6, { isPreloaded: true }), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    await registry.start()
    ;(await acquire(registry, 'b'))[Symbol.dispose]()
    assert.deepEqual(registry.problems(), [], 'it has made room')
    a.findFailure = new AerieError('invalid_package', 'config.json is cut off')
    await assert.rejects(acquire(registry, 'a'))
    assert.deepEqual(registry.problems(), ['a could not be loaded: config.json is cut off'])
    const lease = await acquire(registry, 'b')
    a.findFailure = undefined
    await delay(1100)
    assert.deepEqual([stateOf(registry, 'b'), registry.problems()], ['loaded', []])
    lease[Symbol.dispose]()
    while (stateOf(registry, 'a') !== 'loaded') await delay(1)
    await registry.dispose()
  })

  it('lets one go by hand that is just starting, when it has', async () => {
    const a = fakeModel('a', 5)
    const open = hold(a, 'openGate')
    const registry = fakeRegistry([a])
    const asked = acquire(registry, 'a')
    await settle()
    const gone = registry.unload('a', never)
    open()
    ;(await asked)[Symbol.dispose]()
    assert.equal((await gone).state, 'unloaded')
    assert.deepEqual(a.log, ['find', 'open', 'close'])
    await registry.dispose()
  })

  it('refuses with the numbers what never fits, and says so at the start of what was to be there', async () => {
    const registry = fakeRegistry(
      [fakeModel('a', 6, { isPinned: true }), fakeModel('b', 2 ** 31)],
      {
        budgetBytes: 2 ** 30,
      },
    )
    ;(await acquire(registry, 'a'))[Symbol.dispose]()
    await assert.rejects(acquire(registry, 'b'), {
      code: 'model_unavailable',
      message: /b takes about 2 GiB, and modelMemoryBytes is 1 GiB, of which pinned models hold/,
    })
    await registry.dispose()
    const both = [
      fakeModel('a', 6, { isPreloaded: true }),
      fakeModel('b', 6, { isPreloaded: true }),
    ]
    const small = fakeRegistry(both)
    await assert.rejects(small.start(), { code: 'invalid_config', message: /modelMemoryBytes/ })
    await small.dispose()
    const broken = fakeModel('a', 6, { isPreloaded: true })
    broken.failure = new AerieError('invalid_package', '/models/a: it is empty')
    const one = fakeRegistry([broken])
    await assert.rejects(one.start(), {
      code: 'invalid_package',
      message: '/models/a: it is empty',
    })
    await one.dispose()
  })

  it('bounds how many wait, and tells the next when to come back', async () => {
    const a = fakeModel('a', 6)
    const registry = fakeRegistry([a], { maxWaiting: 2 })
    const open = hold(a)
    const waits = [acquire(registry, 'a'), acquire(registry, 'a')]
    await assert.rejects(acquire(registry, 'a'), {
      ...{ code: 'queue_full', retryAfterSeconds: 5 },
      message: /2 requests wait for models to be loaded, as many as may \(maxModelWaiting\)/,
    })
    open()
    for (const lease of await Promise.all(waits)) lease[Symbol.dispose]()
    await registry.dispose()
  })

  it('sends a batch away when live requests keep the memory for longer than it can wait', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    using _ = await acquire(registry, 'a')
    await assert.rejects(acquire(registry, 'b', { priority: 'batch', patienceMs: 20 }), {
      ...{ code: 'not_ready', retryAfterSeconds: 10 },
    })
    // And the model that is in use was not kept from anybody for it.
    assert.equal((await acquire(registry, 'a')).waited, false)
    assert.equal(registry.find('b').waiting, 0)
    await registry.dispose()
  })

  it('lets a model go by hand when it has answered, pinned as it may be, and loads it again when it is asked for', async () => {
    const a = fakeModel('a', 6, { isPinned: true })
    const registry = fakeRegistry([a])
    const lease = await acquire(registry, 'a')
    const gone = registry.unload('a', never)
    await settle()
    assert.equal(stateOf(registry, 'a'), 'unloading')
    const later = acquire(registry, 'a')
    await settle()
    assert.deepEqual(a.log, ['find', 'open'])
    lease[Symbol.dispose]()
    await gone
    ;(await later)[Symbol.dispose]()
    assert.deepEqual(a.log, ['find', 'open', 'close', 'find', 'open'])
    assert.equal(registry.find('a').evictions.asked, 1)
    assert.equal((await registry.unload('a', never)).state, 'unloaded')
    assert.equal((await registry.unload('a', never)).state, 'unloaded')
    await registry.dispose()
  })

  it('lets go what nobody has used for a while', async () => {
    const [a, p] = [fakeModel('a', 3), fakeModel('p', 3, { isPinned: true })]
    const registry = fakeRegistry([a, p], { idleMs: 30 })
    for (const id of ['a', 'p']) (await acquire(registry, id))[Symbol.dispose]()
    while (stateOf(registry, 'a') !== 'unloaded') await delay(10)
    assert.equal(stateOf(registry, 'p'), 'loaded')
    assert.equal(registry.find('a').evictions.idle, 1)
    await registry.dispose()
  })

  it('takes a model as it lies on the disk now, each time it loads it', async () => {
    const a = fakeModel('a', 6)
    const registry = fakeRegistry([a])
    ;(await acquire(registry, 'a'))[Symbol.dispose]()
    assert.equal(registry.find('a').bytes, 6)
    await registry.unload('a', never)
    a.bytes = 8
    ;(await acquire(registry, 'a'))[Symbol.dispose]()
    assert.equal(registry.find('a').bytes, 8)
    await registry.dispose()
  })

  it('counts what was measured in place of what was estimated, and remembers it', async () => {
    let heldNow = 100
    const a = fakeModel('a', 6)
    const registry = fakeRegistry([a], {
      heldBytes: async () => heldNow++ && (a.log.at(-1) === 'open' ? 109 : 100),
    })
    ;(await acquire(registry, 'a'))[Symbol.dispose]()
    assert.equal(registry.find('a').bytes, 9)
    await registry.unload('a', never)
    a.log.length = 0
    ;(await acquire(registry, 'a'))[Symbol.dispose]()
    assert.equal(registry.find('a').bytes, 9)
    await registry.dispose()
  })

  it('refuses what waits and closes what comes up when the server stops in the middle of a load', async () => {
    const [a, b] = [fakeModel('a', 6), fakeModel('b', 6)]
    const registry = fakeRegistry([a, b])
    const open = hold(a, 'openGate')
    const waits = [acquire(registry, 'a'), acquire(registry, 'b')]
    const refused = Promise.allSettled(waits)
    await settle()
    const stopped = registry.dispose()
    open()
    await stopped
    const codes = (await refused).map((one) =>
      one.status === 'rejected' ? (one.reason as AerieError).code : 'lent',
    )
    assert.deepEqual(codes, ['shutting_down', 'shutting_down'])
    assert.deepEqual([a.log, b.log], [['find', 'open', 'close'], []])
    await assert.rejects(acquire(registry, 'a'), { code: 'shutting_down' })
  })
})

describe('names of models', () => {
  const models = [
    fakeModel('llama', 1, { aliases: ['gpt-4o'], adapters: ['llama-poems'] }),
    fakeModel('radio', 1, { kind: 'tower' }),
    fakeModel('whisper', 1, { kind: 'speech' }),
  ]
  const registry = fakeRegistry(models)

  it('are ids, aliases and adapters', () => {
    const found = (name: string) => registry.resolve(name, 'chat')
    const llama = { id: 'llama', kind: 'chat', adapter: undefined }
    assert.deepEqual(found('llama'), llama)
    assert.deepEqual(found('gpt-4o'), llama)
    assert.deepEqual(found('llama-poems'), { ...llama, adapter: 'llama-poems' })
    assert.deepEqual(registry.names(), ['llama', 'gpt-4o', 'llama-poems', 'radio', 'whisper'])
  })

  it('of adapters stand behind their models, with what those are', async () => {
    const listed = fakeRegistry(models)
    const idsOf = () => listed.list().map(({ id, state, document }) => [id, state, document?.id])
    assert.deepEqual(idsOf().slice(0, 2), [
      ['llama', 'unloaded', undefined],
      ['llama-poems', 'unloaded', undefined],
    ])
    await listed.load('llama-poems', never)
    assert.deepEqual(idsOf().slice(0, 2), [
      ['llama', 'loaded', 'llama'],
      ['llama-poems', 'loaded', 'llama-poems'],
    ])
    assert.equal(listed.find('llama-poems').document?.id, 'llama-poems')
    assert.equal(listed.find('gpt-4o').document?.id, 'llama')
    assert.equal(listed.statuses().length, 3)
    await listed.dispose()
  })

  it('tell what a model does that cannot do what is asked', () => {
    const refused = (name: string, kind: 'chat' | 'tower' | 'speech', message: RegExp) =>
      assert.throws(() => registry.resolve(name, kind), {
        ...{ code: 'unsupported_parameter', param: 'model', message },
      })
    refused('radio', 'chat', /^model: radio embeds and does not answer/)
    refused('whisper', 'chat', /^model: whisper writes down speech/)
    refused('gpt-4o', 'tower', /^model: gpt-4o answers and has no embeddings/)
    refused('llama', 'speech', /^model: llama hears nothing/)
  })

  it('are suggested for one that is misspelt', () => {
    assert.throws(() => registry.resolve('lama', 'chat'), {
      code: 'model_not_found',
      message:
        "model 'lama' is not served here; did you mean llama? there is: llama, gpt-4o, llama-poems, radio, whisper",
    })
  })

  it('may not stand twice', () => {
    const twice = [fakeModel('a', 1), fakeModel('b', 1, { aliases: ['a'] })]
    assert.throws(() => fakeRegistry(twice), {
      code: 'invalid_config',
      message: "models: 'a' names both the model a and the model b; give one another name",
    })
    assert.throws(() => fakeRegistry([fakeModel('a', 1, { aliases: ['a'] })]), {
      code: 'invalid_config',
      message: "models: 'a' is named twice; give one another name, or leave it out",
    })
  })
})

function pick(error: unknown, like: object): object {
  return Object.fromEntries(
    Object.keys(like).map((key) => [key, (error as Record<string, unknown>)[key]]),
  )
}
