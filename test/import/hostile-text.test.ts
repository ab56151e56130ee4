/**
 * Seven thousand damaged tokenizers, templates and links beside the ten thousand headers and configs of `hostile.test.ts`:
 * each is taken or refused, within five seconds, and none reaches anything outside. A failure names its seed.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { AerieError } from '../../src/errors.ts'
import { checkText } from '../../src/import/text-check.ts'
import { readBytes, resolveInside } from '../../src/model-folder.ts'
import { copyCheckpoint, editJson, scratchFolder } from '../support/checkpoint-folder.ts'
import { damageBytes, damageJson } from '../support/damage.ts'
import { seededRandom } from '../support/seeded-random.ts'
import type { TextTrial, TextTrialResult } from '../support/text-trial-worker.ts'

const LONGEST_MS = 5000
const FIXTURES = resolve(import.meta.dirname, '../fixtures')

describe('hostile tokenizers, templates and links', () => {
  let scratch: string
  let worker: Worker
  before(async () => {
    scratch = scratchFolder()
    worker = new Worker(new URL('../support/text-trial-worker.ts', import.meta.url))
    await once(worker, 'message')
  })
  after(async () => {
    await worker.terminate()
    rmSync(scratch, { recursive: true })
  })

  /** What the thread says within five seconds of processor time: a busy machine is no hang. It is the thread that would hang. */
  async function attempt(trial: TextTrial, what: string): Promise<TextTrialResult> {
    const { promise, resolve, reject } = Promise.withResolvers<TextTrialResult>()
    const { user: before } = await worker.cpuUsage()
    const timer = setInterval(async () => {
      const { user } = await worker.cpuUsage()
      if ((user - before) / 1000 > LONGEST_MS) reject(new Error(`${what}: longer than 5 s`))
    }, 1000)
    const onExit = (code: number) => reject(new Error(`${what}: the thread ended with ${code}`))
    worker.once('message', resolve).once('error', reject).once('exit', onExit)
    worker.postMessage(trial)
    try {
      return await promise
    } finally {
      clearInterval(timer)
      worker.off('message', resolve).off('error', reject).off('exit', onExit)
    }
  }

  it('2 000 tokenizer.json', async () => {
    const folder = join(scratch, 'json')
    for (const file of ['tokenizer.json', 'tokenizer_config.json'])
      cpSync(join(FIXTURES, 'decoders/qwen2/checkpoint', file), join(folder, file))
    const whole = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
    let taken = 0
    for (let seed = 1; seed <= 2000; seed++) {
      const damaged = damageJson(whole, seededRandom(seed))
      writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(damaged) ?? '')
      const result = await attempt({ kind: 'tokenizer', folder }, `seed ${seed}`)
      if (result.taken) taken += 1
    }
    assert.ok(taken > 100 && taken < 2000, `${taken} were taken`)
  })

  it('1 000 tokenizer.model', async () => {
    const folder = join(scratch, 'pieces')
    mkdirSync(folder)
    const source = join(FIXTURES, 'decoders/mistral-swa/checkpoint')
    cpSync(join(source, 'tokenizer_config.json'), join(folder, 'tokenizer_config.json'))
    const whole = readFileSync(join(source, 'tokenizer.model'))
    let taken = 0
    for (let seed = 1; seed <= 1000; seed++) {
      const damaged = damageBytes(whole, seededRandom(seed), whole.length)
      writeFileSync(join(folder, 'tokenizer.model'), damaged)
      const result = await attempt({ kind: 'tokenizer', folder }, `seed ${seed}`)
      if (result.taken) taken += 1
    }
    assert.ok(taken > 10 && taken < 1000, `${taken} were taken`)
  })

  it('3 000 chat templates, none of which reaches what JavaScript has', async () => {
    const config = JSON.parse(
      readFileSync(join(FIXTURES, 'decoders/qwen2/checkpoint/tokenizer_config.json'), 'utf8'),
    )
    let taken = 0
    for (let seed = 1; seed <= 3000; seed++) {
      const source = damageTemplate(config.chat_template, seededRandom(seed))
      const result = await attempt({ kind: 'template', source }, `seed ${seed}`)
      if (!result.taken) continue
      taken += 1
      // The words of a template may be anything; what they are made of in memory is not to be seen.
      assert.doesNotMatch(result.text, /native code|\[Function|process\.|reached/, `seed ${seed}`)
    }
    assert.ok(taken > 100 && taken < 3000, `${taken} were taken`)
  })

  it('1 000 folders with links', async () => {
    const outside = join(scratch, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    const root = join(scratch, 'links')
    for (let seed = 1; seed <= 1000; seed++) {
      const random = seededRandom(seed)
      const pick = (from: readonly string[]) => from[Math.floor(random() * from.length)]!
      rmSync(root, { recursive: true, force: true })
      mkdirSync(join(root, 'a/b'), { recursive: true })
      writeFileSync(join(root, 'a/file'), 'inside')
      const names = ['x', 'a/x', 'a/b/x', 'y', 'a/y']
      for (const name of names) {
        const up = '../'.repeat(Math.floor(random() * 4))
        const target = pick([
          'outside',
          'outside/secret',
          'links/a',
          'x',
          'y',
          'a/file',
          'b',
          '.',
          '',
        ])
        const path = random() < 0.2 ? join(scratch, target) : `${up}${target}` || '.'
        symlinkSync(path, join(root, name))
      }
      for (let i = 0; i < 8; i++) {
        const name = [
          pick(names),
          pick(['', 'x', 'y', '../x', '../../outside/secret', 'file', 'secret']),
        ]
          .filter(Boolean)
          .join('/')
        try {
          const path = await resolveInside(root, name)
          if (path !== undefined) {
            const real = realpathSync(root)
            assert.ok(
              path === real || path.startsWith(real + sep),
              `seed ${seed}: ${name} is ${path}`,
            )
          }
          const bytes = await readBytes(root, name, 100)
          assert.notEqual(bytes?.toString(), 'secret', `seed ${seed}: ${name}`)
        } catch (error) {
          const isRefusal = error instanceof AerieError && error.code === 'invalid_package'
          if (!isRefusal) throw new Error(`seed ${seed}: ${name}`, { cause: error })
        }
      }
    }
  })

  it('a regular expression that blows up is refused in seconds', async () => {
    const folder = copyCheckpoint('decoders/qwen2', join(scratch, 'bomb'))
    editJson(join(folder, 'tokenizer.json'), (value) => {
      value['pre_tokenizer'] = {
        type: 'Split',
        pattern: { Regex: '(a+)+b' },
        behavior: 'Isolated',
        invert: false,
      }
    })
    const limits = { loadMs: 60_000, trialMs: 2000 }
    await assert.rejects(checkText(folder, limits), {
      code: 'invalid_package',
      message: /a short conversation takes longer than 2 s/,
    })
  })
})

/** What templates are attacked with: JavaScript's ways out, and odd numbers, names and blocks. None of it loops for long. */
const SNIPPETS = [
  "{{ messages.constructor.constructor('return process.pid')() }}",
  "{{ ''.constructor.constructor('globalThis.reached = 1')() }}",
  '{{ messages.__proto__ }}',
  '{{ messages.map }}',
  '{{ bos_token.__proto__.constructor }}',
  '{% set messages = messages %}',
  "{% set x = namespace(__proto__='reached'[:0]) %}{{ x.toString }}",
  '{{ messages[-1] }}',
  '{{ messages[99999999999] }}',
  "{{ messages['length'] }}",
  '{{ undefined_name.attribute }}',
  '{{ range(5) | join }}',
  '{{ 1 / 0 }}',
  '{{ (1).toString }}',
  '{% macro m(a) %}{{ m }}{% endmacro %}{{ m(1) }}',
  '{% for x in messages recursive %}{% endfor %}',
  '{% raw %}',
  '{%- endfor -%}',
  '{{ messages | tojson }}',
  '{{ messages | map(attribute="constructor") | list }}',
  '{# ',
  '\u0000',
]

function damageTemplate(template: string, random: () => number): string {
  let text = template
  const below = (limit: number) => Math.floor(random() * limit)
  for (let times = 1 + below(3); times > 0; times--) {
    const at = below(text.length + 1)
    const kind = random()
    if (kind < 0.5) text = text.slice(0, at) + SNIPPETS[below(SNIPPETS.length)]! + text.slice(at)
    else if (kind < 0.7) text = text.slice(0, at) + text.slice(at + 1 + below(30))
    else if (kind < 0.85)
      text = text.slice(0, at) + String.fromCharCode(32 + below(96)) + text.slice(at)
    else text = SNIPPETS[below(SNIPPETS.length)]! + text.slice(0, at)
  }
  return text
}
