/** Several models in the configuration. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveConfig } from '../src/config.ts'
import { MODEL_KEYS, modelSpecs } from '../src/config-models.ts'

const ofFile = (content: object, flags = {}) =>
  resolveConfig({ file: { name: 'aerie.yaml', content }, flags })

/** What is wrong with the models of a file, line by line. */
function problems(models: unknown): string[] {
  try {
    ofFile({ models })
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

describe('models of the configuration', () => {
  it('are the one model where there is no list', () => {
    const [spec, ...more] = modelSpecs(resolveConfig({ flags: { model: 'owner/name' } }))
    assert.deepEqual(more, [])
    const { config, ...rest } = spec!
    assert.equal(config.model, 'owner/name')
    assert.deepEqual(rest, {
      ...{ name: undefined, aliases: [], isPinned: false, isPreloaded: true },
      ...{ memoryBytes: undefined, ownKeys: [] },
    })
  })

  it('are names alone or have settings of their own, which hold for them alone', () => {
    const models = [
      'starter',
      { model: 'owner/name', name: 'n', aliases: ['m'], kvCacheBytes: '1GiB', threads: 3 },
      { model: '/packages/whisper', pinned: true, memoryBytes: '300MiB', backend: 'onnx' },
      { model: 'other', pinned: true, preload: false },
    ]
    const specs = modelSpecs(ofFile({ models, kvCacheBytes: '64MiB' }))
    assert.deepEqual(
      specs.map(({ config }) => [config.model, config.kvCacheBytes, config.backend]),
      [
        ['starter', 64 * 2 ** 20, 'auto'],
        ['owner/name', 2 ** 30, 'auto'],
        ['/packages/whisper', 64 * 2 ** 20, 'onnx'],
        ['other', 64 * 2 ** 20, 'auto'],
      ],
    )
    assert.deepEqual(
      specs.map(({ name, aliases, isPinned, isPreloaded, memoryBytes }) => {
        return [name, aliases, isPinned, isPreloaded, memoryBytes]
      }),
      [
        [undefined, [], false, true, undefined],
        ['n', ['m'], false, false, undefined],
        [undefined, [], true, true, 300 * 2 ** 20],
        [undefined, [], true, false, undefined],
      ],
    )
    assert.equal(specs[1]!.config.threads, 3)
    assert.deepEqual(
      specs.map(({ ownKeys }) => ownKeys),
      [[], ['threads', 'kvCacheBytes'], ['backend'], []],
    )
  })

  it('come from flags and the environment as names with commas', () => {
    const flags = resolveConfig({ flags: { models: ['starter', 'a/b,c/d'] } })
    assert.deepEqual(
      modelSpecs(flags).map(({ config }) => config.model),
      ['starter', 'a/b', 'c/d'],
    )
    const env = resolveConfig({ env: { AERIE_MODELS: 'starter, a/b' } })
    assert.deepEqual(env.models, [{ model: 'starter' }, { model: 'a/b' }])
  })

  it('are replaced, one or several, by what a later place says', () => {
    const several = ofFile({ model: 'a' }, { models: ['b', 'c'] })
    assert.equal(modelSpecs(several).length, 2)
    const one = ofFile({ models: ['b', 'c'] }, { model: 'a' })
    assert.deepEqual(
      modelSpecs(one).map(({ config }) => config.model),
      ['a'],
    )
    assert.throws(() => ofFile({ model: 'a', models: ['b'] }), {
      ...{ code: 'invalid_config', message: 'aerie.yaml: expected model or models, got both' },
    })
  })

  it('are refused with the place of what is wrong', () => {
    assert.deepEqual(problems([]), ['aerie.yaml: models: expected at least one model'])
    assert.deepEqual(problems([7, {}]), [
      'aerie.yaml: models[0]: expected the name or path of a model, or an object with the key model',
      'aerie.yaml: models[1]: expected the key model',
    ])
    assert.deepEqual(
      problems([
        {
          ...{ model: '', name: 'two words', aliases: [3], pinned: 'yes', memoryBytes: '1' },
          ...{ kvCacheByte: 1, kvCacheBytes: 'much', port: 1, pined: true },
        },
      ]),
      [
        'aerie.yaml: models[0].model: expected a non-empty text',
        'aerie.yaml: models[0].name: expected a name of letters, digits and . / : @ + - _, of 200 characters at most',
        'aerie.yaml: models[0].aliases: a list: expected a name of letters, digits and . / : @ + - _, of 200 characters at most',
        'aerie.yaml: models[0].pinned: expected true or false',
        'aerie.yaml: models[0].memoryBytes: expected a size such as 1048576 or 256MiB, at least 1MiB',
        'aerie.yaml: models[0].kvCacheByte: unknown key; did you mean kvCacheBytes?',
        'aerie.yaml: models[0].kvCacheBytes: expected a size such as 1048576 or 256MiB, at least 1MiB',
        'aerie.yaml: models[0].port: holds for the whole server; set it there',
        'aerie.yaml: models[0].pined: unknown key; did you mean pinned?',
      ],
    )
  })

  it('are described with every key that they may have', async () => {
    const { readFile } = await import('node:fs/promises')
    const page = await readFile(new URL('../docs/models.md', import.meta.url), 'utf8')
    for (const key of [
      'model',
      'name',
      'aliases',
      'preload',
      'pinned',
      'memoryBytes',
      ...MODEL_KEYS,
    ])
      assert.ok(page.includes(`\`${key}\``), key)
  })
})
