/**
 * A PostgreSQL server of a test's own, on a loopback port, with its data in a folder of its own. As root it runs as another
 * user, since it refuses to be root. Data are not flushed: it is ended by signals and never by a power cut.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync } from 'node:fs'
import { chmod, chown, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from './free-port.ts'

const run = promisify(execFile)

/** Debian keeps the programs of each version in a folder that is on no search path. */
const BIN = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  ...globSync('/usr/lib/postgresql/*/bin').sort().reverse(),
].find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))))

/** For `it` and `describe`: why the tests that need it are skipped, or false. */
export const NO_POSTGRES = BIN === undefined ? 'needs PostgreSQL: no initdb on this machine' : false

export interface PostgresServer extends AsyncDisposable {
  readonly port: number
  /** Of a new, empty database. */
  createDatabase(): Promise<string>
  /** Rows of a statement in the database of that URL. */
  query(url: string, sql: string): Promise<readonly Record<string, unknown>[]>
  /** Ends every connection, and the server. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** `tls`: PEM files that this user may read; the server then takes no connection without TLS. */
export async function startPostgres(tls?: {
  readonly key: string
  readonly certificate: string
}): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'aerie-postgres-'))
  const user = await unprivileged()
  if (user) await chown(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const port = await freePort()
  const as = { ...user, cwd: folder, env: { PATH: process.env['PATH'] ?? '' } }
  const setup = ['-D', data, '-U', 'aerie', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']
  await run(join(BIN!, 'initdb'), setup, as)
  const secured: string[] = []
  if (tls) {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    await copyFile(tls.key, key)
    await copyFile(tls.certificate, certificate)
    await chmod(key, 0o600)
    if (user) await chown(key, user.uid, user.gid)
    secured.push('ssl=on', `ssl_key_file=${key}`, `ssl_cert_file=${certificate}`)
    await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 trust\n')
  }

  let server: ChildProcess | undefined
  const how = tls ? `?sslmode=verify-full&sslrootcert=${tls.certificate}` : ''
  const host = tls ? 'localhost' : '127.0.0.1'
  const url = (database: string) => `postgres://aerie@${host}:${port}/${database}${how}`
  const query: PostgresServer['query'] = async (at, sql) => {
    const client = new pg.Client({ connectionString: at })
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'fsync=off']
    const places = [`unix_socket_directories=${folder}`, 'max_connections=60']
    const args = [...settings, ...places, ...secured].flatMap((setting) => ['-c', setting])
    server = spawn(join(BIN!, 'postgres'), ['-D', data, ...args], { ...as, stdio: 'ignore' })
    while (!(await query(url('postgres'), 'SELECT 1').catch(() => undefined))) {
      if (server.exitCode !== null) throw new Error(`PostgreSQL ended with ${server.exitCode}`)
      await delay(50)
    }
  }
  const stop = async () => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    // A fast shutdown: connections are ended, as by an administrator.
    server.kill('SIGINT')
    await exit
  }
  await start()
  return {
    ...{ port, query, start, stop },
    createDatabase: async () => {
      const name = `test_${randomBytes(6).toString('hex')}`
      await query(url('postgres'), `CREATE DATABASE ${name}`)
      return url(name)
    },
    async [Symbol.asyncDispose]() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Undefined where this process is not root. */
async function unprivileged(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.geteuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, name]))).catch(
      () => undefined,
    )
    if (ids) return { uid: Number(ids[0]!.stdout), gid: Number(ids[1]!.stdout) }
  }
  throw new Error('expected a user postgres or nobody for PostgreSQL to run as')
}
