/** Every family of text decoders against transformers, on every backend; `test/fixtures/decoders` says how they were made. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { TextDecoderConfig } from '../../models/blocks/text-config.ts'
import { findFamily } from '../../models/registry.ts'
import type { DecoderSession, Segment } from '../../src/engine/backend.ts'
import { createBackend } from '../../src/engine/backends/create.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { interpret } from '../../src/engine/backends/reference/interpreter.ts'
import { tensor } from '../../src/engine/backends/reference/tensor.ts'
import { loadWeights } from '../../src/engine/backends/reference.ts'
import { skipOf, TESTED_BACKENDS } from '../support/backends.ts'
import { FIXTURES, recordedCase, recordedTensors } from '../support/recorded-cases.ts'
import { argmax, assertClose } from '../support/relative-error.ts'

const CASES = join(FIXTURES, 'decoders')
/** Beside Minitron's widths and Mistral's window, which are made of the same blocks. */
const ELSEWHERE = ['llama-plain']
const TOLERANCE = 1e-4
const OPTIONS = { threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16 }

interface Prompt {
  readonly name: string
  readonly ids: readonly number[]
  readonly greedy: readonly number[]
}

for (const name of [...readdirSync(CASES), ...ELSEWHERE]) {
  const { folder, skip } = recordedCase(`decoders/${name}`)
  if (skip) {
    it(`${name} agrees with transformers`, { skip })
    continue
  }
  const checkpoint = join(folder, 'checkpoint')
  const expected = recordedTensors(folder)
  const { prompts, tensors } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    prompts: Prompt[]
    tensors: Record<string, unknown>
  }
  const long = prompts.find((prompt) => prompt.name === 'long')!

  for (const backend of TESTED_BACKENDS) {
    describe(`${name} on ${backend}`, { skip: skipOf(backend) }, () => {
      let session: DecoderSession
      before(async () => {
        session = await (await createBackend(backend)).loadDecoder(checkpoint, OPTIONS)
      })
      after(() => session.dispose())

      it('agrees with transformers on every recorded position of every prompt', async () => {
        for (const [sequence, { name: prompt, ids }] of prompts.entries()) {
          const logits = expected.get(`${prompt}.prefill_logits`)!
          const first = ids.length - logits.rows
          for (const [i, id] of ids.entries()) {
            // What was not recorded is read in one step, so that both ways of reading are compared.
            if (i < first) continue
            const input = [tokens(i === first ? ids.slice(0, first + 1) : [id])]
            const [result] = await session.step([{ sequence, input, want: 'logits' }])
            const row = logits.row(i - first)
            if (row) assertClose(result!.values!, row, TOLERANCE, `${prompt}, position ${i}`)
          }
          session.free(sequence)
        }
      })

      it('continues every prompt greedily, all in one batch, with the same ids and logits', async () => {
        const answers = prompts.map(() => [] as number[])
        let next: readonly (readonly number[])[] = prompts.map(({ ids }) => ids)
        for (let step = 0; step < long.greedy.length; step++) {
          const results = await session.step(
            next.map((ids, sequence) => ({ sequence, input: [tokens(ids)], want: 'logits' })),
          )
          for (const [i, { values }] of results.entries()) {
            answers[i]!.push(argmax(values!))
            const row = expected.get(`${prompts[i]!.name}.step_logits`)!.row(step)
            if (row) assertClose(values!, row, TOLERANCE, `${prompts[i]!.name}, step ${step}`)
          }
          next = answers.map((answer) => answer.slice(-1))
        }
        assert.deepEqual(
          answers,
          prompts.map(({ greedy }) => greedy),
        )
      })
    })
  }

  describe(`${name}, stage by stage`, () => {
    it('agrees with transformers behind every layer, attention and MLP', async () => {
      const files = await openModelFiles(checkpoint)
      await using _checkpoint = files.checkpoint
      const graph = files.graphs.decoder!
      const { hiddenSize } = files.limits
      const { length } = long.ids
      const embeddings = tensor(
        [1, length, hiddenSize],
        Float64Array.from(expected.get('long.hidden0')!.values),
      )
      const places = tensor([1, length], Float64Array.from(long.ids.keys()))
      const results = interpret(graph, {
        feeds: new Map([
          ['embeddings', embeddings],
          ['positions', places],
          ['wanted', places],
        ]),
        weights: await loadWeights(graph, files),
        cache: { length: 0, past: () => NO_PAST, append: () => {} },
      })
      const layers = graph.stages.filter((stage) => /^layers\.\d+$/.test(stage.name)).length
      const stages: [ours: string, theirs: string][] = [
        ['layers.0.attention', 'long.layer0_attn'],
        ['layers.0.mlp', 'long.layer0_mlp'],
        // What transformers records last is behind the final norm.
        ...Array.from({ length: layers - 1 }, (_, i): [string, string] => [
          `layers.${i}`,
          `long.hidden${i + 1}`,
        ]),
        ['hidden', `long.hidden${layers}`],
      ]
      for (const [ours, theirs] of stages) {
        const recorded = expected.get(theirs)!
        for (let i = 0; i < length; i++) {
          const row = recorded.row(i)
          const own = results.get(ours)!.data.subarray(i * hiddenSize, (i + 1) * hiddenSize)
          if (row) assertClose(own, row, TOLERANCE, `${theirs}, position ${i}`)
        }
      }
      const compared = stages.filter(([, theirs]) => theirs.startsWith('long.hidden')).length + 1
      const recorded = Object.keys(tensors).filter((key) => /^long\.hidden\d+$/.test(key)).length
      assert.equal(compared, recorded, 'every hidden state but the embeddings is compared')
    })

    it('looks embeddings up as transformers does', async () => {
      const session = await (await createBackend('reference')).loadDecoder(checkpoint, OPTIONS)
      const embeddings = expected.get('long.hidden0')!.values
      const [ofTokens, ofRows] = await session.step([
        { sequence: 1, input: [tokens(long.ids)], want: 'hidden' },
        {
          sequence: 2,
          input: [{ kind: 'embeddings', rows: long.ids.length, data: embeddings }],
          want: 'hidden',
        },
      ])
      assertClose(ofTokens!.values!, ofRows!.values!, 1e-6)
      await session.dispose()
    })
  })
}

const NO_PAST = { keys: new Float32Array(), values: new Float32Array() }

function tokens(ids: readonly number[]): Segment {
  return { kind: 'tokens', ids: Int32Array.from(ids) }
}

describe('configs of text decoders', () => {
  const changed = async (name: string, change: object) => {
    const raw = JSON.parse(readFileSync(join(CASES, name, 'checkpoint/config.json'), 'utf8'))
    return (await findFamily(raw.model_type)).parseConfig({ ...raw, ...change })
  }

  it('with options that would be computed wrongly are refused, naming the field', async () => {
    const refused: [name: string, change: object, message: RegExp][] = [
      ['llama-minitron-width', { hidden_act: 'gelu' }, /^hidden_act: expected "silu", got "gelu"$/],
      [
        'llama-minitron-width',
        { num_key_value_heads: 3 },
        /^num_key_value_heads: expected a divisor of 4/,
      ],
      ['phi3', { partial_rotary_factor: 0.3 }, /^partial_rotary_factor: expected a share/],
      ['qwen3', { rope_parameters: { rope_theta: 5 } }, /^rope_parameters: expected rope_theta/],
      ['phi3', { attention_bias: true }, /^attention_bias: expected false, got true$/],
      [
        'nemotron-minitron',
        { partial_rotary_factor: 0.3 },
        /^partial_rotary_factor: expected a share/,
      ],
      [
        'gemma3-text',
        { final_logit_softcapping: 30 },
        /^final_logit_softcapping: expected null, got 30$/,
      ],
      [
        'gemma3-text',
        { hidden_activation: 'gelu' },
        /^hidden_activation: expected "gelu_pytorch_tanh"/,
      ],
    ]
    for (const [name, change, message] of refused) {
      await assert.rejects(changed(name, change), { message })
    }
  })

  it('with LongRoPE serve the original context, for which its short factors are', async () => {
    const longrope = (await changed('phi3-longrope', {})) as TextDecoderConfig
    assert.equal(longrope.maxPositions, 128)
    // As published for contexts that are no longer than those the model was trained with.
    const short = { max_position_embeddings: 64, original_max_position_embeddings: 64 }
    assert.equal(((await changed('phi3-longrope', short)) as TextDecoderConfig).maxPositions, 64)
  })

  it('of Qwen2 with use_sliding_window have a window on the upper layers', async () => {
    const { attention } = (await changed('qwen2', {
      use_sliding_window: true,
      sliding_window: 7,
      max_window_layers: 2,
    })) as TextDecoderConfig
    assert.deepEqual(
      attention.layers.map(({ window }) => window),
      [undefined, undefined, 7],
    )
  })
})
