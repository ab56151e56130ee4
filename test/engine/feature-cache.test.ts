import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FeatureCache } from '../../src/engine/feature-cache.ts'

const features = (key: string, floats: number) => ({ key, rows: 1, data: new Float32Array(floats) })

describe('the feature cache', () => {
  it('drops the least recently used beyond its bytes', () => {
    const cache = new FeatureCache(40)
    for (const key of ['a', 'b']) cache.set(features(key, 4))
    assert.equal(cache.bytes, 32)
    cache.get('a')
    cache.set(features('c', 4))
    assert.equal(cache.get('b'), undefined)
    assert.ok(cache.get('a') && cache.get('c'))
    assert.equal(cache.bytes, 32)
    assert.equal(cache.size, 2)
  })

  it('counts an entry that is set again once', () => {
    const cache = new FeatureCache(40)
    cache.set(features('a', 4))
    cache.set(features('a', 6))
    assert.equal(cache.bytes, 24)
  })

  it('does not empty itself for what it cannot hold', () => {
    const cache = new FeatureCache(40)
    cache.set(features('a', 4))
    cache.set(features('huge', 11))
    assert.ok(cache.get('a'))
    assert.equal(cache.get('huge'), undefined)
  })

  it('holds nothing at 0 bytes', () => {
    const cache = new FeatureCache(0)
    cache.set(features('a', 1))
    assert.equal(cache.size, 0)
  })
})
