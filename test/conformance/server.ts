/** The server that is tested: a model of each kind, under the names that tests of others ask for. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startServerProcess } from '../../src/bench/server-process.ts'

export interface ConformanceServer extends AsyncDisposable {
  /** Without `/v1`. */
  readonly url: string
  readonly model: string
  readonly apiKey: string
}

const API_KEY = 'conformance-key'
const FIXTURES = resolve(import.meta.dirname, '../fixtures')

/** `starter` answers; the others are small and random: they say nothing, and say it as large ones would. */
export const MODELS = [
  {
    ...{ model: 'starter', name: 'starter' },
    aliases: ['gpt-5.6-sol', 'gpt-5.4', 'gpt-4o', 'gpt-4o-mini', 'gpt-3.5-turbo-instruct'],
  },
  {
    ...{ model: join(FIXTURES, 'embeddings/tiny-clip'), name: 'clip' },
    aliases: ['text-embedding-3-small'],
  },
  {
    ...{ model: join(FIXTURES, 'speech/tiny-whisper'), name: 'whisper' },
    aliases: ['whisper-1', 'gpt-4o-transcribe'],
  },
]

/** `withKey`: it refuses whoever has none; otherwise any is as good as none. */
export async function startConformanceServer(withKey: boolean): Promise<ConformanceServer> {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-conformance-'))
  const keys = join(folder, 'keys')
  await writeFile(keys, `conformance:${API_KEY}\n`)
  const config = join(folder, 'config.json')
  await writeFile(config, JSON.stringify({ models: MODELS }))
  const server = await startServerProcess([
    ...['--config', config, '--data-dir', join(folder, 'data')],
    ...(withKey ? ['--api-keys-file', keys] : []),
  ])
  return {
    url: server.url,
    model: MODELS[0]!.name,
    apiKey: API_KEY,
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
}
