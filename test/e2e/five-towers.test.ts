/** Pictures of several requests on their way to the five towers of an Eagle X5: what crosses to their thread, and how they run. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { resolveConfig } from '../../src/config.ts'
import type { EncodeBatch } from '../../src/engine/encoder-messages.ts'
import { openModel } from '../../src/main.ts'
import type { PreparedImage } from '../../src/media/types.ts'
import { FIXTURES } from '../support/recorded-cases.ts'
import { until } from '../support/toy-engine.ts'

const CASE = join(FIXTURES, 'eagle/x5-vicuna-s160')
const NAMES = ['a', 'b', 'c', 'd']
/** One picture, whatever number of towers see it. */
const PICTURE_FLOATS = 3 * 160 * 160

test('pixels of a picture cross once, by transfer, for all five towers; waiting pictures share a run', async (t) => {
  const config = resolveConfig({ flags: { model: join(CASE, 'checkpoint') } })
  const model = await openModel(config)
  t.after(() => model.close())

  const prepared: PreparedImage[] = []
  const prepare = model.media.prepare.bind(model.media)
  mock.method(model.media, 'prepare', async (...args: Parameters<typeof prepare>) => {
    const image = await prepare(...args)
    prepared.push(image)
    return image
  })
  const sent: { batch: EncodeBatch; moved: readonly unknown[] }[] = []
  const post = Worker.prototype.postMessage
  mock.method(
    Worker.prototype,
    'postMessage',
    function (this: Worker, message: EncodeBatch, moved: readonly ArrayBuffer[] = []) {
      // Texts are encoded by threads as well.
      if (message.type !== 'encode' || !('pictures' in message))
        return post.call(this, message, moved)
      const isFirst = sent.push({ batch: message, moved }) === 1
      assert.deepEqual(
        message.pictures.map(({ pixels }) => pixels.length),
        message.pictures.map(() => PICTURE_FLOATS),
      )
      // The first run is held back until the others wait, so that it is not chance who shares one.
      const waiting = isFirst
        ? until(() => model.encoder!.stats().waiting === NAMES.length - 1)
        : Promise.resolve()
      void waiting.then(() => post.call(this, message, moved))
    },
  )
  t.after(() => mock.restoreAll())

  await Promise.all(
    NAMES.map(async (name, i) => {
      const png = readFileSync(join(CASE, 'inputs', `${name}.png`)).toString('base64')
      const url = `data:image/png;base64,${png}`
      const content = [
        { type: 'image', url, detail: 'auto', param: `messages[${i}]` },
        { type: 'text', text: 'What is this?', param: 'messages' },
      ] as const
      const signal = AbortSignal.timeout(60_000)
      for await (const _ of model.ask(content, { maxTokens: 1 }, signal));
    }),
  )

  assert.deepEqual(
    sent.map(({ batch }) => batch.pictures.length),
    [1, NAMES.length - 1],
  )
  const { runs, tilesEncoded } = model.encoder!.stats()
  assert.deepEqual({ runs, tilesEncoded }, { runs: 2, tilesEncoded: NAMES.length })
  for (const { batch, moved } of sent) {
    // Moved away: a clone would have left them here.
    for (const { pixels } of batch.pictures) assert.equal(pixels.buffer.byteLength, 0)
    assert.equal(moved.length, batch.pictures.length)
  }
  // The very memory that the decoder's answer came in: nothing was copied on the way either.
  assert.equal(prepared.length, NAMES.length)
  for (const { pixels } of prepared) assert.equal(pixels.buffer.byteLength, 0)
})
