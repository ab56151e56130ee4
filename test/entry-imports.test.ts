/**
 * What each thread and process of a server loads with its entry, before anyone asks anything: every thread has a heap of its own,
 * and modules stay in it.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, resolve } from 'node:path'
import { describe, it } from 'node:test'

const ROOT = resolve(import.meta.dirname, '..')

/** The packages that these files load, by way of others or not; an `import()` is for later. */
function packagesOf(entries: readonly string[]): string[] {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const open = entries.map((entry) => resolve(ROOT, entry))
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    const text = readFileSync(file, 'utf8')
    for (const [, target] of text.matchAll(
      /^(?:import|export)\s(?!type\s)[^'"]*?from '([^']+)'|^import '([^']+)'/gm,
    )) {
      if (target!.startsWith('.')) open.push(resolve(dirname(file), target!))
      else if (!target!.startsWith('node:') && !builtinModules.includes(target!))
        packages.add(/^(@[^/]+\/)?[^/]+/.exec(target!)![0])
    }
  }
  assert.ok(seen.size > entries.length, 'the entries import nothing')
  return [...packages].sort()
}

describe('entries load no more packages than they need', () => {
  const native = 'src/engine/backends/native.ts'
  const cases: Readonly<Record<string, readonly [entries: string[], packages: string[]]>> = {
    'the engine, no package': [['src/engine/engine-worker.ts', native], []],
    'the encoder, no package': [['src/engine/encoder-worker.ts', native], []],
    'the disk cache, no package': [['src/engine/feature-disk-worker.ts'], []],
    'the tokenizer of long texts, its library': [
      ['src/tokenizer/tokenizer-worker.ts'],
      ['@huggingface/tokenizers'],
    ],
    'the survey of weights, no package': [['src/weights/survey-worker.ts'], []],
    'a decoder, its codecs': [['src/media/decoder-program.ts'], ['sharp']],
    'a decoder of clips, what starts ffmpeg': [
      ['src/media/video/clip-program.ts'],
      ['fluent-ffmpeg'],
    ],
    'a thread of sounds, nothing before ffmpeg is needed': [
      ['src/media/sound/sound-worker.ts'],
      [],
    ],
    'the server, neither codecs nor ONNX Runtime nor what fetches': [
      ['src/cli/serve.ts', 'src/main.ts'],
      [
        '@fastify/multipart',
        '@fastify/websocket',
        '@huggingface/jinja',
        'fastify',
        'ipaddr.js',
        'pino',
        'prom-client',
        'typebox',
      ],
    ],
  }
  for (const [what, [entries, packages]] of Object.entries(cases))
    it(what, () => assert.deepEqual(packagesOf(entries), packages))
})
