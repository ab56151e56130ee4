/**
 * An S3 server of a test's own: Versity's gateway (Apache-2.0) over a folder. `.ci/s3-server` builds it; it is looked for on
 * the search path and in `.cache/bin`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'

const PROGRAM = [
  resolve(import.meta.dirname, '../../.cache/bin'),
  ...(process.env['PATH'] ?? '').split(delimiter),
]
  .map((folder) => join(folder, 'versitygw'))
  .find((path) => existsSync(path))

/** For `it` and `describe`: why the tests that need it are skipped, or false. */
export const NO_S3 =
  PROGRAM === undefined ? 'needs an S3 server: .ci/s3-server builds versitygw' : false

/** The SDK finds them in the environment, as it would at a user's. */
export const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'aerie-test',
  AWS_SECRET_ACCESS_KEY: 'a secret of tests',
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  /** Its buckets lie here, a folder each. */
  readonly folder: string
  /** Makes a bucket; its `s3://` URL. */
  createBucket(name: string): Promise<string>
  stop(): Promise<void>
  start(): Promise<void>
}

/** Sets the credentials in this process's environment. */
export async function startS3(): Promise<S3Server> {
  Object.assign(process.env, CREDENTIALS)
  const home = await mkdtemp(join(tmpdir(), 'aerie-s3-'))
  const folder = join(home, 'buckets')
  const sidecar = join(home, 'metadata')
  for (const path of [folder, sidecar]) await mkdir(path)
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  let server: ChildProcess | undefined
  const start = async () => {
    const { AWS_ACCESS_KEY_ID: access, AWS_SECRET_ACCESS_KEY: secret } = CREDENTIALS
    const listen = ['--port', `127.0.0.1:${port}`, '--access', access, '--secret', secret]
    // Attributes in files of their own: not every temporary folder can have them in its file system.
    const args = [...listen, '--quiet', '--keep-alive', 'posix', '--sidecar', sidecar, folder]
    server = spawn(PROGRAM!, args, { stdio: 'ignore' })
    while (!(await fetch(endpoint).catch(() => undefined))) {
      if (server.exitCode !== null) throw new Error(`versitygw ended with ${server.exitCode}`)
      await delay(50)
    }
  }
  const stop = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL')
    await exit
  }
  await start()
  return {
    ...{ endpoint, folder, start, stop },
    createBucket: async (name) => {
      await mkdir(join(folder, name))
      return `s3://${name}`
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
