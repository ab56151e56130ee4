/** What a server says of how it decodes, and that its answers do not depend on guessing. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { RunningServer } from '../../src/main.ts'
import { skipOf } from '../support/backends.ts'
import { metric, startTestServer } from '../support/server.ts'

interface Answer {
  readonly choices: readonly { readonly message: { readonly content: string } }[]
  readonly usage: object
  readonly aerie: {
    readonly decoding: {
      readonly kv_cache_type: string
      readonly drafted_tokens: number
      readonly accepted_tokens: number
    }
  }
}

async function ask({ url, models }: RunningServer, seed: number): Promise<Answer> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: models[0]!.id,
      messages: [{ role: 'user', content: 'what is red? what is red? what is' }],
      ...{ n: 2, seed, max_tokens: 48, min_tokens: 40, temperature: 0.9, frequency_penalty: 0.2 },
      ...{ stop: ['zebra'], aerie: { explain: true } },
    }),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Answer
}

async function documentOf({ url, models }: RunningServer) {
  const response = await fetch(`${url}/v1/models/${models[0]!.id}`)
  return ((await response.json()) as { aerie: { decoding: object; system_fingerprint: string } })
    .aerie
}

describe('decoding', { skip: skipOf('native') }, () => {
  const flags = { backend: 'native', kvCacheBytes: '16MiB' }
  let guessing: RunningServer
  let plain: RunningServer
  before(async () => {
    guessing = await startTestServer({ ...flags, kvCacheType: 'int8', maxDraftTokens: 6 })
    plain = await startTestServer({ ...flags, kvCacheType: 'int8', speculation: 'off' })
  })
  after(() => Promise.all([guessing.close(), plain.close()]))

  it('gives the same answers with and without guessing', async () => {
    let tried = 0
    for (const seed of [1, 2, 3]) {
      const [a, b] = [await ask(guessing, seed), await ask(plain, seed)]
      assert.deepEqual(a.choices, b.choices)
      assert.deepEqual(a.usage, b.usage)
      assert.deepEqual(b.aerie.decoding, {
        ...{ kv_cache_type: 'int8', drafted_tokens: 0, accepted_tokens: 0 },
      })
      const { drafted_tokens: drafted, accepted_tokens: accepted } = a.aerie.decoding
      assert.ok(accepted <= drafted, `${accepted} of ${drafted}`)
      tried += drafted
    }
    assert.ok(tried > 0, 'no answer was guessed ahead')
    assert.equal(await metric(guessing.url, 'aerie_tokens_total{kind="drafted"}'), tried)
  })

  it('is told of by the model’s document and by metrics', async () => {
    const bytes = 16 * 1024 ** 2
    const expected = { kv_cache_type: 'int8', kv_cache_bytes: bytes, max_draft_tokens: 6 }
    assert.deepEqual((await documentOf(guessing)).decoding, expected)
    assert.deepEqual((await documentOf(plain)).decoding, { ...expected, max_draft_tokens: 0 })
    for (const { url } of [guessing, plain])
      assert.equal(await metric(url, 'aerie_kv_cache_info{type="int8"}'), 1)
    assert.equal(await metric(plain.url, 'aerie_tokens_total{kind="drafted"}'), 0)
  })

  it('has a fingerprint of its own for each type of keys and values, and room for more in fewer bits', async () => {
    const floats = await startTestServer({ ...flags, kvCacheType: 'f32' })
    try {
      const [one, other] = [await documentOf(plain), await documentOf(floats)]
      assert.notEqual(one.system_fingerprint, other.system_fingerprint)
      const blocks = (server: RunningServer) => metric(server.url, 'aerie_kv_blocks_total')
      assert.ok((await blocks(plain))! > 3 * (await blocks(floats))!)
    } finally {
      await floats.close()
    }
  })

  it('refuses at start what the backend cannot keep', async () => {
    await assert.rejects(startTestServer({ backend: 'onnx', kvCacheType: 'f16' }), {
      code: 'invalid_config',
      message: /^kvCacheType f16: the onnx backend keeps keys and values as f32/,
    })
  })
})
