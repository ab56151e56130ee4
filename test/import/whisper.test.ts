/** A speech model as a package: imported, verified, served. */
import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { importModel } from '../../src/import/import-model.ts'
import { startTestServer } from '../support/server.ts'
import { SPEECH_WAV, TINY_WHISPER } from '../support/speech-fixture.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe('a Whisper checkpoint', () => {
  it('becomes a package that is served, and says what it hears', async () => {
    await using folder = await temporaryFolder()
    const { directory, manifest } = await importModel(
      { model: TINY_WHISPER },
      { modelsDir: folder.path, hub: {}, offline: true },
    )
    assert.equal(manifest.family, 'whisper')
    const server = await startTestServer({ model: directory, threads: 1 })
    const body = new FormData()
    body.set('model', server.models[0]!.id)
    body.set('temperature', '1')
    body.set('file', new Blob([await readFile(SPEECH_WAV)]), 'said.wav')
    const url = `${server.url}/v1/audio/transcriptions`
    const response = await fetch(url, { method: 'POST', body })
    assert.equal(response.status, 200)
    assert.deepEqual(Object.keys((await response.json()) as object).sort(), ['text', 'usage'])
    await server.close()
  })

  it('is not quantised, as nothing would say what it lost', async () => {
    await using folder = await temporaryFolder()
    const options = { modelsDir: folder.path, hub: {}, offline: true }
    const quantise = { method: 'int8' as const, group: 32 as const }
    await assert.rejects(
      importModel({ model: TINY_WHISPER }, { ...options, quantise }),
      /^AerieError: --quantize: nothing measures what a speech model loses by it yet, expected none, got int8$/,
    )
  })

  it('is refused when it is damaged, naming what', async () => {
    await using folder = await temporaryFolder()
    const copy = join(folder.path, 'damaged')
    const refusal = async (message: RegExp) =>
      await assert.rejects(
        importModel({ model: copy }, { modelsDir: folder.path, hub: {}, offline: true }),
        message,
      )
    await cp(TINY_WHISPER, copy, { recursive: true })
    const config = JSON.parse(await readFile(join(copy, 'config.json'), 'utf8'))
    await writeFile(join(copy, 'config.json'), JSON.stringify({ ...config, decoder_layers: 3 }))
    await refusal(/decoder\.layers\.2\./)
    await writeFile(join(copy, 'config.json'), JSON.stringify(config))
    await writeFile(join(copy, 'tokenizer.json'), '{}')
    await refusal(/tokenizer/)
  })
})
