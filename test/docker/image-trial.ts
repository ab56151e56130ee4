/** Runs a built image as a container would: own mounts and processes, read-only root, its user; then stops it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runOrThrow } from './process.ts'

const PORT = 18_000
const URL_BASE = `http://127.0.0.1:${PORT}`
const PICTURE = 'docs/pictures/red-circle-blue-square.png'

/** What a stage leaves behind: a root folder, and how to run it. */
export interface Image {
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  /** `uid:gid`. */
  readonly user: string
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
}

/** Throws at the first thing that is not as it should be; says what it saw on the way. */
export async function tryImage(image: Image): Promise<void> {
  const refused = runContainer(image, {})
  const [refusedCode] = await once(refused.process, 'exit')
  assert.equal(refusedCode, 2)
  say(`without keys it does not start: ${refused.output().trim().split('\n').at(-1)}`)

  const { process: container, output } = runContainer(image, {
    AERIE_REQUIRE_API_KEY: 'false',
    AERIE_PORT: String(PORT),
  })
  try {
    await untilReady(container)
    const server = serverPid(container.pid!)
    const status = readFileSync(`/proc/${server}/status`, 'utf8')
    say(`runs as ${/^Uid:.*$/m.exec(status)![0].replaceAll(/\s+/g, ' ')}`)
    assert.match(status, /^Uid:\s+1000\s+1000/m)
    const enter = ['--target', String(server), '--mount', '--root', '--wd']
    assert.throws(
      () => runOrThrow('nsenter', [...enter, 'touch', '/app/x']),
      /Read-only file system/,
    )
    say('its root file system is read-only')
    runOrThrow('nsenter', [...enter, ...image.healthcheck], {
      ...image.env,
      AERIE_PORT: String(PORT),
    })
    say('the health check passes')
    say(`answer: ${await ask(false)}`)

    const streamed = ask(true)
    await untilRunning()
    process.kill(server, 'SIGTERM')
    await delay(50)
    const refusal = await fetch(`${URL_BASE}/v1/models`).catch((error: unknown) => String(error))
    say(
      `while draining a new request gets ${typeof refusal === 'string' ? refusal : refusal.status}`,
    )
    say(`the running stream ended with: ${(await streamed).trim().split('\n').at(-1)}`)
    assert.match(await streamed, /data: \[DONE\]\s*$/)
    const [code] =
      container.exitCode === null ? await once(container, 'exit') : [container.exitCode]
    assert.equal(code, 0)
    say('SIGTERM: drained, exit code 0')
  } catch (error) {
    console.error(output())
    throw error
  } finally {
    container.kill('SIGKILL')
  }
}

/** In new mount and process namespaces: `/proc`, `/dev/null` and `/dev/urandom`, everything read-only. */
function runContainer(image: Image, env: Readonly<Record<string, string>>) {
  const { root, workdir, user, command } = image
  mkdirSync(join(root, 'proc'), { recursive: true })
  const script = [
    'set -e',
    'root=$1 user=$2 workdir=$3',
    'shift 3',
    'mount --bind "$root" "$root"',
    'mount -t proc proc "$root/proc"',
    'mount -t tmpfs -o mode=755 dev "$root/dev"',
    'for name in null zero random urandom; do',
    '  touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"',
    'done',
    'mount -o remount,bind,ro "$root"',
    'exec chroot --userspec="$user" "$root" /bin/sh -c \'cd "$1"; shift; exec "$@"\' sh "$workdir" "$@"',
  ].join('\n')
  const args = ['--mount', '--pid', '--fork', '--kill-child', 'bash', '-c', script, 'bash']
  const child = spawn('unshare', [...args, root, user, workdir, ...command], {
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  return { process: child, output: () => said }
}

/** The process that `unshare` started, which became the server. */
function serverPid(parent: number): number {
  return Number(
    readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')[0],
  )
}

async function untilReady(container: ChildProcess): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (container.exitCode !== null) throw new Error(`it ended with code ${container.exitCode}`)
    const response = await fetch(`${URL_BASE}/readyz`).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.ok) return
    await delay(100)
  }
  throw new Error('it did not get ready within 30 s')
}

async function untilRunning(): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    const text = await (await fetch(`${URL_BASE}/metrics`)).text()
    if (/^aerie_sequences_running(\{.*\})? [1-9]/m.test(text)) return
    await delay(2)
  }
  throw new Error('the streamed request never ran')
}

/** The answer's text, or the whole stream as it came. */
async function ask(stream: boolean): Promise<string> {
  const picture = readFileSync(new URL(`../../${PICTURE}`, import.meta.url), 'base64')
  const content = [
    { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } },
    { type: 'text', text: stream ? 'describe the picture.' : 'what color is the circle?' },
  ]
  const response = await fetch(`${URL_BASE}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'starter',
      messages: [{ role: 'user', content }],
      stream,
      ...(stream ? LONG : {}),
    }),
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  if (stream) return text
  const body = JSON.parse(text) as { choices: [{ message: { content: string } }] }
  return body.choices[0].message.content
}

/** Answers that only end at their limit, so that the stream still runs when the signal comes. */
const LONG = { n: 8, max_tokens: 300, logit_bias: { [endOfAnswer()]: -100 } }

/** The token that ends an answer of the starter. */
function endOfAnswer(): number {
  const file = new URL('../../models/starter/generation_config.json', import.meta.url)
  const { eos_token_id: ids } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly eos_token_id: number | readonly number[]
  }
  return typeof ids === 'number' ? ids : ids[0]!
}

function say(line: string): void {
  console.log(`✓ ${line}`)
}
