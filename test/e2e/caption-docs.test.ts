/** Every command of the captions' part of docs/video.md, run in order as it stands there, against a server on another port. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { RunningServer } from '../../src/main.ts'
import { startTestServer } from '../support/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const NO_FFMPEG = spawnSync('ffmpeg', ['-version']).error ? 'ffmpeg is not installed' : false

const page = await readFile(join(ROOT, 'docs/video.md'), 'utf8')
const part = page.slice(page.search(/^## Captions$/m))
const blocks = [...part.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}))

describe('captions in docs/video.md', { skip: NO_FFMPEG }, () => {
  let folder: TemporaryFolder
  let server: RunningServer
  before(async () => {
    folder = await temporaryFolder()
    server = await startTestServer()
  })
  after(async () => {
    await server?.close()
    await folder?.[Symbol.asyncDispose]()
  })

  it('are commands, each with what it prints', () => {
    const languages = blocks.map(({ language }, i) => (i % 2 === 0 ? language : 'output'))
    assert.deepEqual(
      languages,
      Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? 'sh' : 'output')),
    )
  })

  for (let i = 0; i < blocks.length; i += 2) {
    const [command, expected] = [blocks[i]!, blocks[i + 1]!]
    it(`print what it says: ${command.text.match(/^npx.*$/m)?.[0].slice(0, 70)}`, async () => {
      const here = command.text
        .replaceAll('http://localhost:8000', server.url)
        .replaceAll('npx aerie ', `"${process.execPath}" ${join(ROOT, 'bin/aerie.js')} `)
      const environment = { ...process.env, AERIE_DATA_DIR: join(folder.path, 'data') }
      const { stdout } = await run('bash', ['-euc', here], { cwd: folder.path, env: environment })
      if (expected.language === 'text') {
        assert.equal(stdout, expected.text)
        return
      }
      const printed = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, unknown>
      const wanted = JSON.parse(expected.text) as Record<string, unknown>
      for (const [key, value] of Object.entries(wanted)) assert.deepEqual(printed[key], value, key)
      const others = ['source', 'digest', 'system_fingerprint', 'usage', 'at', 'aerie', 'clip']
      assert.deepEqual(Object.keys(printed).sort(), [...Object.keys(wanted), ...others].sort())
    })
  }
})
