import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveConfig } from '../src/config.ts'
import { encoderBounds, smallCacheRemark } from '../src/part-options.ts'

const limits = (maxImages: number) => ({
  vocabSize: 1000,
  hiddenSize: 1024,
  maxContext: 4096,
  tokensPerTile: 256,
  maxImages,
})

describe('the feature cache', () => {
  it('is remarked upon when one request can sweep it out', () => {
    const config = resolveConfig({ flags: { encoderCacheBytes: '8MiB' } })
    assert.equal(smallCacheRemark(config, limits(8)), undefined)
    assert.match(smallCacheRemark(config, limits(16))!, /holds 8 pictures.*may have 16.*16777216/)
  })

  it('is not, where the disk is behind it', () => {
    const config = resolveConfig({
      flags: { encoderCacheBytes: '0', encoderDiskCacheDir: '/cache' },
    })
    assert.equal(smallCacheRemark(config, limits(16)), undefined)
  })

  it('lies below the directory that was named, which others may look into', () => {
    const config = resolveConfig({ flags: { encoderDiskCacheDir: '/var/cache/aerie' } })
    const disk = { folder: '/var/cache/aerie/features', maxBytes: 4 * 2 ** 30 }
    assert.deepEqual(encoderBounds(config).disk, disk)
    assert.equal(encoderBounds(resolveConfig({})).disk, undefined)
  })
})
