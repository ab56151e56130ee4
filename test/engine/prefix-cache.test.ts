import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { blockHash, rootHash } from '../../src/engine/block-hash.ts'
import { type KeptPrefix, PrefixCache } from '../../src/engine/prefix-cache.ts'
import { EngineDriver, GREEDY, tokenRun, tokens } from '../support/engine-driver.ts'
import { TOY_HIDDEN, ToyDecoder } from '../support/toy-decoder.ts'

const SAMPLED = { ...GREEDY, temperature: 1, seed: 5 }
const CACHING = { prefixCacheBlocks: 32 }

function picture(key: string, value: number) {
  const data = new Float32Array(8 * TOY_HIDDEN).fill(value)
  return { kind: 'features' as const, features: { key, rows: 8, data } }
}

describe('names of prefixes', () => {
  const root = rootHash('')
  const ids = (...values: number[]) => ({ kind: 'tokens' as const, ids: Int32Array.from(values) })

  it('do not depend on how tokens are cut into parts', () => {
    assert.equal(blockHash(root, [ids(1, 2), ids(3)]), blockHash(root, [ids(1, 2, 3)]))
  })

  it('depend on tokens, on features and which of their rows, and on what came before', () => {
    const { features } = picture('a', 1)
    const rows = (firstRow: number) => [{ kind: 'features' as const, features, firstRow, rows: 4 }]
    const names = [
      blockHash(root, [ids(1, 2)]),
      blockHash(root, [ids(2, 1)]),
      blockHash(rootHash('tenant'), [ids(1, 2)]),
      blockHash(blockHash(root, [ids(1, 2)]), [ids(1, 2)]),
      blockHash(root, rows(0)),
      blockHash(root, rows(4)),
    ]
    assert.equal(new Set(names).size, names.length)
  })
})

describe('kept prefixes', () => {
  function cacheOf(maxBlocks: number) {
    const freed: number[] = []
    return { freed, cache: new PrefixCache({ free: (id) => void freed.push(id) }, maxBlocks) }
  }
  const kept = (sequence: number, hashes: string, blocks: number[]): KeptPrefix => ({
    sequence,
    hashes: [...hashes],
    blocks,
  })

  it('are found by their longest common beginning', () => {
    const { cache } = cacheOf(10)
    cache.keep(kept(-1, 'abc', [0, 1, 2]))
    cache.keep(kept(-2, 'abxy', [0, 1, 3, 4]))
    assert.equal(cache.match([...'abxz'])?.kept.sequence, -2)
    assert.equal(cache.match([...'abxz'])?.blocks, 3)
    assert.equal(cache.match([...'abcd'])?.kept.sequence, -1)
    assert.equal(cache.match([...'zz']), undefined)
    assert.equal(cache.blocks, 5)
  })

  it('go when a longer one holds them', () => {
    const { cache, freed } = cacheOf(10)
    cache.keep(kept(-1, 'ab', [0, 1]))
    cache.keep(kept(-2, 'abc', [0, 1, 2]))
    assert.deepEqual(freed, [-1])
    assert.equal(cache.blocks, 3)
  })

  it('go in order of last use when there are too many blocks', () => {
    const { cache, freed } = cacheOf(4)
    cache.keep(kept(-1, 'ab', [0, 1]))
    cache.keep(kept(-2, 'cd', [2, 3]))
    cache.match([...'ab'])
    cache.keep(kept(-3, 'e', [4]))
    assert.deepEqual(freed, [-2])
    assert.equal(cache.blocks, 3)
    cache.clear()
    assert.deepEqual(freed, [-2, -1, -3])
    assert.equal(cache.blocks, 0)
  })
})

describe('prefix reuse', () => {
  it('computes a prompt asked twice once: same text, cached tokens reported', async () => {
    const toy = new ToyDecoder({ blockSize: 4 })
    const engine = new EngineDriver(toy, { ...CACHING, stepTokenBudget: 64 })
    const ask = { prompt: [tokens(1, 2), picture('cat', 0.5), tokenRun(8, 10)], sampling: SAMPLED }
    const first = engine.submit(ask)
    await engine.finish()
    const second = engine.submit(ask)
    await engine.finish()
    assert.equal(engine.cachedTokens(first), 0)
    assert.equal(engine.cachedTokens(second), 16)
    assert.deepEqual(engine.ids(second), engine.ids(first))
    assert.equal(engine.core.takeStats().cachedPromptTokens, 16)
  })

  it('always leaves one position to compute', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), CACHING)
    await engine.answer({ prompt: [tokenRun(8)] })
    const id = engine.submit({ prompt: [tokenRun(8)] })
    await engine.finish()
    assert.equal(engine.cachedTokens(id), 7)
    assert.deepEqual(engine.ids(id), await engine.answer({ prompt: [tokenRun(8)] }))
  })

  it('gives another question about the same picture only what is common', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), CACHING)
    const prompt = (question: number) => [tokens(1, 2), picture('cat', 0.5), tokenRun(6, question)]
    await engine.answer({ prompt: prompt(10) })
    const id = engine.submit({ prompt: prompt(30) })
    await engine.finish()
    assert.equal(engine.cachedTokens(id), 8)
    const fresh = new EngineDriver(new ToyDecoder())
    assert.deepEqual(engine.ids(id), await fresh.answer({ prompt: prompt(30) }))
  })

  it('knows the answer too, as the beginning of the next turn', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), CACHING)
    const answer = await engine.answer({ prompt: [tokenRun(6)], maxTokens: 9, sampling: SAMPLED })
    const turn = engine.submit({ prompt: [tokens(1, 2, 3, 4, 5, 6, ...answer, 40)] })
    await engine.finish()
    // 6 + 9 positions less the last token, which was never read: three blocks.
    assert.equal(engine.cachedTokens(turn), 12)
  })

  it('shares with a request that is still running', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), CACHING)
    engine.submit({ prompt: [tokenRun(12)], maxTokens: 30 })
    await engine.step(2)
    const id = engine.submit({ prompt: [tokenRun(12), tokens(40)], maxTokens: 2 })
    await engine.step(2)
    assert.equal(engine.cachedTokens(id), 12)
  })

  it('computes a prompt once though four ask for it at the same time', async () => {
    const toy = new ToyDecoder({ blockSize: 4 })
    const engine = new EngineDriver(toy, CACHING)
    const ids = [1, 2, 3, 4].map(() => engine.submit({ prompt: [tokenRun(42)], maxTokens: 1 }))
    await engine.finish()
    assert.deepEqual(
      ids.map((id) => engine.cachedTokens(id)),
      [0, 40, 40, 40],
    )
    assert.equal(
      toy.steps.flat().reduce((sum, n) => sum + n),
      42 + 3 * 2,
    )
  })

  it('never takes one picture for another, nor one tenant’s prompt for another’s', async () => {
    const engine = new EngineDriver(new ToyDecoder({ blockSize: 4 }), CACHING)
    const cat = [picture('cat', 0.5), tokenRun(6)]
    await engine.answer({ prompt: cat, cacheSalt: 'a' })
    const others = [
      engine.submit({ prompt: [picture('dog', 0.25), tokenRun(6)], cacheSalt: 'a' }),
      engine.submit({ prompt: cat, cacheSalt: 'b' }),
      engine.submit({ prompt: cat }),
    ]
    const same = engine.submit({ prompt: cat, cacheSalt: 'a' })
    await engine.finish()
    for (const id of others) assert.equal(engine.cachedTokens(id), 0)
    assert.equal(engine.cachedTokens(same), 12)
  })

  it('is given up when running sequences need the blocks', async () => {
    const toy = new ToyDecoder({ blockSize: 4, blocksTotal: 8 })
    const engine = new EngineDriver(toy, { prefixCacheBlocks: 8 })
    await engine.answer({ prompt: [tokenRun(12)], maxTokens: 8 })
    assert.equal(engine.core.takeStats().kvBlocksCached, 4)
    const ask = { prompt: [tokenRun(12, 30)], maxTokens: 21, sampling: SAMPLED }
    const expected = await new EngineDriver(new ToyDecoder()).answer(ask)
    assert.deepEqual(await engine.answer(ask), expected)
    assert.equal(engine.core.takeStats().preemptions, 0)
  })

  it('stays within its bound and gives everything back', async () => {
    const toy = new ToyDecoder({ blockSize: 4 })
    const engine = new EngineDriver(toy, { prefixCacheBlocks: 6 })
    for (let first = 1; first < 40; first += 7)
      await engine.answer({ prompt: [tokenRun(15, first)] })
    const { kvBlocksCached, kvBlocksUsed } = engine.core.takeStats()
    assert.equal(kvBlocksUsed, 0)
    assert.ok(kvBlocksCached > 0 && kvBlocksCached <= 6)
    assert.equal(toy.kv.blocksUsed, kvBlocksCached)
    engine.core.clearPrefixCache()
    assert.equal(toy.kv.blocksUsed, 0)
  })

  it('is off at 0 blocks', async () => {
    const engine = new EngineDriver(new ToyDecoder(), { prefixCacheBlocks: 0 })
    await engine.answer({ prompt: [tokenRun(12)] })
    const id = engine.submit({ prompt: [tokenRun(12)] })
    await engine.finish()
    assert.equal(engine.cachedTokens(id), 0)
  })
})
