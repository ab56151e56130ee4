/**
 * Checkpoints that went through GGUF and back: recorded logits of transformers and ids of its tokenizers, read from the
 * file that llama.cpp's converter makes of the same folder.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { createBackend } from '../../src/engine/backends/create.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { skipOf, TESTED_BACKENDS } from '../support/backends.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { writeGguf } from '../support/gguf-file.ts'
import { recordedCase, recordedTensors } from '../support/recorded-cases.ts'
import { argmax, assertClose } from '../support/relative-error.ts'

const OPTIONS = { threads: 1, kvCacheBytes: 8 << 20, kvBlockSize: 16 }
const scratch = mkdtempSync(join(tmpdir(), 'aerie-gguf-'))
after(() => rmSync(scratch, { recursive: true }))

/** With the name that the converter gives the pre-tokenizer of byte-level ones. */
const MODELS: readonly (readonly [name: string, pre?: string])[] = [
  ['llama-plain'],
  ['llama-minitron-width', 'llama-bpe'],
  ['mistral-swa'],
  ['qwen2', 'qwen2'],
  ['qwen3', 'qwen2'],
  ['gemma3-text'],
  ['phi3'],
]

interface Prompt {
  readonly name: string
  readonly text: string
  readonly ids: readonly number[]
  readonly greedy: readonly number[]
}

for (const [name, pre] of MODELS) {
  const { folder, skip } = recordedCase(`decoders/${name}`)
  if (skip) {
    it(`${name} as GGUF computes what transformers does`, { skip })
    continue
  }
  const path = join(scratch, `${name}.gguf`)
  writeGguf(path, convertCheckpoint(join(folder, 'checkpoint'), pre))
  const expected = recordedTensors(folder)
  const { prompts } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
    prompts: Prompt[]
  }

  describe(`${name} as GGUF`, () => {
    for (const backend of TESTED_BACKENDS) {
      const skip = skipOf(backend)
      it(`computes what transformers does, and goes on greedily with the same ids: ${backend}`, {
        skip,
      }, async () => {
        const session = await (await createBackend(backend)).loadDecoder(path, OPTIONS)
        for (const [sequence, { name: prompt, ids, greedy }] of prompts.entries()) {
          const logits = expected.get(`${prompt}.step_logits`)!
          let next: readonly number[] = ids
          for (const [step, id] of greedy.entries()) {
            const input = [{ kind: 'tokens', ids: Int32Array.from(next) } as const]
            const [result] = await session.step([{ sequence, input, want: 'logits' }])
            const row = logits.row(step)
            if (row) assertClose(result!.values!, row, 1e-4, `${prompt}, step ${step}`)
            assert.equal(argmax(result!.values!), id, `${prompt}, step ${step}`)
            next = [id]
          }
          session.free(sequence)
        }
        await session.dispose()
      })
    }

    it('has the ids of the published tokenizer', async () => {
      const [ours, theirs] = await Promise.all([
        Tokenizer.load(path),
        Tokenizer.load(join(folder, 'checkpoint')),
      ])
      for (const { text, ids } of prompts) assert.deepEqual([...ours.encodeWhole(text)], ids)
      const word = fc.constantFrom(
        'the',
        ' red',
        'car',
        '\n',
        '  ',
        'é',
        '漢',
        '😀',
        '.',
        '123',
        "'S",
      )
      const special = fc.constantFrom(...theirs.specialTokens)
      const written = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(fc.oneof({ weight: 9, arbitrary: word }, special)).map((all) => all.join('')),
      )
      fc.assert(
        fc.property(written, (text) => {
          fc.pre(text.isWellFormed())
          assert.deepEqual([...ours.encode(text)], [...theirs.encode(text)])
          assert.equal(ours.decode(ours.encode(text)), theirs.decode(theirs.encode(text)))
        }),
      )
      assert.deepEqual(ours.specialTokens, theirs.specialTokens)
    })
  })
}
