/** bin/: the launcher that finds a Node which runs TypeScript, as a host with an older Node sees it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { isNewEnough, packagedNode } from '../../bin/node-version.js'

const BIN = resolve(import.meta.dirname, '../../bin')
const folder = mkdtempSync(join(tmpdir(), 'aerie-launcher-'))
after(() => rmSync(folder, { recursive: true }))

/** Makes this Node say that it is an old one; the child that it starts is not affected. */
const PRETEND_OLD = [
  '--import',
  "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.20.2'}})",
]

const skip = packagedNode() === undefined ? 'no packaged Node for this machine' : false

function script(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Starts a script through bin/node.js on a Node that seems old. */
function launch(path: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [...PRETEND_OLD, join(BIN, 'node.js'), path, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

async function output(child: ChildProcess): Promise<string> {
  let text = ''
  for await (const piece of child.stdout!.setEncoding('utf8')) text += piece
  return text
}

async function ended(child: ChildProcess): Promise<[code: number | null, signal: string | null]> {
  if (child.exitCode !== null || child.signalCode !== null)
    return [child.exitCode, child.signalCode]
  return (await once(child, 'exit')) as [number | null, string | null]
}

async function firstWord(child: ChildProcess): Promise<string> {
  const [piece] = await once(child.stdout!.setEncoding('utf8'), 'data')
  return String(piece).trim()
}

/** A script that says its process id, then waits. */
const WAITING = 'console.log(process.pid); setInterval(() => {}, 1000)'

it('knows which Node runs TypeScript', () => {
  const versions = [
    '24.12.0',
    '24.13.1',
    '26.0.0',
    '100.0.0',
    '24.11.9',
    '22.22.0',
    '20.20.2',
    '9.99.0',
  ]
  assert.deepEqual(versions.filter(isNewEnough), versions.slice(0, 4))
})

describe('on an old Node, the packaged one', { skip }, () => {
  it('runs TypeScript with the arguments, input and output of the caller', async () => {
    const path = script(
      'echo.ts',
      "import { text } from 'node:stream/consumers'\n" +
        'const input: string = await text(process.stdin)\n' +
        'console.log(JSON.stringify([input, process.argv.slice(2), process.versions.node]))',
    )
    const child = launch(path, 'a', '--b')
    child.stdin!.end('hello')
    const [input, args, version] = JSON.parse(await output(child)) as [string, string[], string]
    assert.equal(input, 'hello')
    assert.deepEqual(args, ['a', '--b'])
    assert.ok(isNewEnough(version))
  })

  it('gives its exit code to the caller', async () => {
    assert.deepEqual(await ended(launch(script('seven.ts', 'process.exitCode = 7'))), [7, null])
    assert.deepEqual(await ended(launch(script('zero.ts', ''))), [0, null])
  })

  it('gets the signals that the caller sends, and decides itself what they mean', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const text = `process.on('${signal}', () => process.exit(3)); ${WAITING}`
      const child = launch(script('catches.ts', text))
      await firstWord(child)
      child.kill(signal)
      assert.deepEqual(await ended(child), [3, null], signal)
    }
  })

  it('that a signal ends makes the caller end by the same signal', async () => {
    const child = launch(script('waits.ts', WAITING))
    const pid = Number(await firstWord(child))
    process.kill(pid, 'SIGKILL')
    assert.deepEqual(await ended(child), [null, 'SIGKILL'])
  })

  it('ends when the caller is killed, and leaves nothing behind', async () => {
    const child = launch(script('waits.ts', WAITING))
    const pid = Number(await firstWord(child))
    child.kill('SIGKILL')
    await ended(child)
    await gone(pid)
  })
})

it('without any fitting Node one line says what to do', () => {
  const lonely = join(folder, 'lonely')
  cpSync(BIN, join(lonely, 'bin'), { recursive: true })
  writeFileSync(join(lonely, 'package.json'), '{"type": "module"}')
  const args = [...PRETEND_OLD, join(lonely, 'bin/aerie.js'), 'doctor']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^aerie needs Node 24\.12 or newer and this is 20\.20\.2: [^\n]*\n$/)
})

it('on a new Node no second process is started, and the script is the main module', () => {
  const path = script('main.ts', 'console.log(import.meta.main ? process.ppid : 0)')
  const { stdout } = spawnSync(process.execPath, [join(BIN, 'node.js'), path], {
    encoding: 'utf8',
  })
  assert.equal(Number(stdout), process.pid)
})

/** Waits until the process is no more. */
async function gone(pid: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await delay(10)
  }
  process.kill(pid, 'SIGKILL')
  assert.fail(`process ${pid} is still there after 5 s`)
}
