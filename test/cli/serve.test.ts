/** `aerie serve` and `aerie ask` as a person starts them: whole programs with the shipped model. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'

const ROOT = resolve(import.meta.dirname, '../..')
const AERIE = resolve(ROOT, 'bin/aerie.js')
const PICTURE = 'docs/pictures/red-circle-blue-square.png'

function aerie(args: readonly string[], input?: Buffer) {
  return spawnSync(process.execPath, [AERIE, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    ...(input ? { input } : {}),
  })
}

async function serve(...flags: string[]) {
  const child = spawn(process.execPath, [AERIE, 'serve', '--port', '0', ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text
    if (said.includes('console.log')) break
  }
  const url = /(http:\S+)\/v1$/m.exec(said)?.[1]
  assert.ok(url, `${said}\n${log}`)
  return { child, exit, said, url, log: () => log }
}

describe('a started server', () => {
  let server: Awaited<ReturnType<typeof serve>>
  before(async () => {
    server = await serve()
  })
  after(() => server.child.kill('SIGKILL'))

  it('says what it serves, at an address that is ready', async () => {
    assert.match(
      server.said,
      /^Aerie serves starter at (http:\/\/127\.0\.0\.1:\d+)\/v1\nThe playground, a page to try it on: \1\/\n/,
    )
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
  })

  const onLinux = process.platform === 'linux'
  it('has an allocator and a young generation that keep memory flat', {
    skip: onLinux ? false : 'only glibc has them',
  }, () => {
    const environment = readFileSync(`/proc/${server.child.pid}/environ`, 'utf8').split('\0')
    for (const [name, value] of [
      ['MALLOC_ARENA_MAX', '2'],
      ['MALLOC_MMAP_THRESHOLD_', '16384'],
    ] as const) {
      assert.ok(environment.includes(`${name}=${process.env[name] ?? value}`), name)
    }
    const command = readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8').split('\0')
    for (const flag of ['--max-semi-space-size=2', '--expose-gc'])
      assert.ok(command.includes(flag), command.join(' '))
  })

  const hasCurl = spawnSync('curl', ['--version']).status === 0
  it('says a curl line that works when pasted', { skip: hasCurl ? false : 'no curl here' }, () => {
    const line = server.said.split('\n').find((text) => text.includes('| curl '))!
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: ROOT, encoding: 'utf8' })
    const answer = JSON.parse(stdout) as { choices?: [{ message: { content: string } }] }
    assert.ok(answer.choices, `${stdout}${stderr}`)
    assert.match(answer.choices[0].message.content, /^[a-z ]+/)
  })

  it('says a program of six lines for the official client that works when saved', () => {
    const lines = server.said.trimEnd().split('\n').slice(-6)
    assert.match(lines[0]!, /^import/)
    // Below the root, where `openai` is found as in a project that has installed it.
    const folder = resolve(ROOT, '.cache/welcome')
    mkdirSync(folder, { recursive: true })
    try {
      writeFileSync(resolve(folder, 'ask.mjs'), lines.join('\n'))
      const file = resolve(folder, 'ask.mjs')
      const { stdout, stderr } = spawnSync(process.execPath, [file], {
        cwd: ROOT,
        encoding: 'utf8',
      })
      assert.match(stdout, /^[a-z ]+\.?\n$/, stderr)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('logs its configuration once, as JSON on standard error', () => {
    const lines = server
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const configs = lines.filter((line) => line['config'] !== undefined)
    assert.equal(configs.length, 1)
    assert.equal((configs[0]!['config'] as Record<string, unknown>)['port'], 0)
  })

  it('stops on SIGTERM with exit code 0', async () => {
    server.child.kill('SIGTERM')
    assert.deepEqual(await server.exit, [0, null], server.log())
    assert.match(server.log(), /"msg":"stopped"/)
  })
})

describe('a started server with a tower alone', () => {
  let server: Awaited<ReturnType<typeof serve>>
  before(async () => {
    server = await serve('--model', 'test/fixtures/radio/radio-v25-norm-adaptors/checkpoint')
  })
  after(() => server.child.kill('SIGKILL'))

  const hasCurl = spawnSync('curl', ['--version']).status === 0
  it('says a curl line that embeds a picture', { skip: hasCurl ? false : 'no curl here' }, () => {
    const line = server.said.split('\n').find((text) => text.includes('| curl '))!
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: ROOT, encoding: 'utf8' })
    const answer = JSON.parse(stdout) as { data?: [{ embedding: number[] }] }
    assert.equal(answer.data?.[0].embedding.length, 120, `${stdout}${stderr}`)
  })

  it('says a program for the official client that does', () => {
    const lines = server.said.trimEnd().split('\n').slice(-6)
    const folder = resolve(ROOT, '.cache/welcome-tower')
    mkdirSync(folder, { recursive: true })
    try {
      const file = resolve(folder, 'embed.mjs')
      writeFileSync(file, lines.join('\n'))
      const run = spawnSync(process.execPath, [file], { cwd: ROOT, encoding: 'utf8' })
      assert.match(run.stdout, /^120 numbers of \d+ patches\n$/, run.stderr)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('does not sit down to talk', () => {
    const { status, stderr } = aerie([
      'ask',
      '--model',
      'test/fixtures/radio/radio-v25-norm-adaptors/checkpoint',
      PICTURE,
      'hi',
    ])
    assert.equal(status, 1)
    assert.match(stderr, /^aerie: .* is a tower without a decoder, so it cannot hold/)
  })
})

it('a server with answers under way stops on SIGINT after drainTimeoutMs at the latest', async () => {
  const server = await serve('--drain-timeout-ms', '0')
  const request = fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'starter',
      messages: [{ role: 'user', content: 'hello' }],
      n: 4,
    }),
  }).then((response) => response.status, String)
  server.child.kill('SIGINT')
  assert.deepEqual(await server.exit, [0, null], server.log())
  await request
})

it('a server whose collector of traces hangs stops all the same', async () => {
  const hanging = createServer((request) => request.resume())
  using _ = {
    [Symbol.dispose]() {
      hanging.closeAllConnections()
      hanging.close()
    },
  }
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve))
  const { port } = hanging.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`
  const server = await serve('--tracing', '--trace-endpoint', endpoint)
  await (await fetch(`${server.url}/v1/models`)).text()
  const from = performance.now()
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, [0, null], server.log())
  const took = performance.now() - from
  assert.ok(
    took < 6000,
    `${took} ms, of which two seconds are for the spans and ten were those of the library`,
  )
})

it('a server that still drains dies of a second signal at once', async () => {
  const server = await serve()
  const answer = fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'starter',
      messages: [{ role: 'user', content: 'hello' }],
      ...{ stream: true, n: 16, min_tokens: 1500, max_tokens: 1500 },
    }),
  })
  const broken = answer.then((response) => response.text()).catch(String)
  await answer
  server.child.kill('SIGTERM')
  while (!server.log().includes('"draining"')) await once(server.child.stderr, 'data')
  server.child.kill('SIGTERM')
  assert.deepEqual(await server.exit, [null, 'SIGTERM'], server.log())
  await broken
})

describe('aerie ask', () => {
  it('writes the answer alone to standard output', () => {
    const { status, stdout, stderr } = aerie(['ask', PICTURE, 'what color is the circle?'])
    assert.deepEqual([status, stderr], [0, ''])
    assert.match(stdout, /^[a-z][^\n]*\n$/)
  })

  it('reads a picture from standard input, and gives the same answer for it', () => {
    const bytes = readFileSync(resolve(ROOT, PICTURE))
    const question = 'what color is the circle?'
    const piped = aerie(['ask', '-', question], bytes)
    assert.equal(piped.status, 0, piped.stderr)
    assert.equal(piped.stdout, aerie(['ask', PICTURE, question]).stdout)
  })

  it('with --json tells answer, usage and what the model saw', () => {
    const { stdout } = aerie([
      'ask',
      '--json',
      '--max-tokens',
      '2',
      PICTURE,
      PICTURE,
      'describe them',
    ])
    const result = JSON.parse(stdout) as {
      answer: string
      finishReason: string
      usage: { completionTokens: number }
      explain: { images: { width: number; height: number }[] }
    }
    assert.equal(typeof result.answer, 'string')
    assert.ok(result.usage.completionTokens <= 2)
    assert.deepEqual(
      result.explain.images.map(({ width, height }) => [width, height]),
      [
        [640, 480],
        [640, 480],
      ],
    )
  })

  it('needs no picture', () => {
    const { status, stdout } = aerie(['ask', 'what do you see?'])
    assert.equal(status, 0)
    assert.notEqual(stdout.trim(), '')
  })

  it('takes no picture for a question', () => {
    const { status, stdout, stderr } = aerie(['ask', PICTURE])
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /^aerie: expected a question behind the picture [^\n]*\n$/)
  })

  it('says in one line what is wrong with a picture', () => {
    const broken = aerie(['ask', '-', 'what is it?'], Buffer.from('no picture'))
    assert.deepEqual([broken.status, broken.stdout], [1, ''])
    assert.match(broken.stderr, /^aerie: [^\n]*picture 1 \(-\)[^\n]*\n$/)
    const remote = aerie(['ask', 'http://127.0.0.1:1/a.png', 'what is it?'])
    assert.deepEqual([remote.status, remote.stdout], [1, ''])
    assert.match(remote.stderr, /^aerie: [^\n]*\n$/)
  })
})
