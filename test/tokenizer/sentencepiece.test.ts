/** SentencePiece files against what transformers made of them and against SentencePiece's own ids. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import { convertSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const DECODERS = resolve(import.meta.dirname, '../fixtures/decoders')
const NAMES = ['mistral-swa', 'nemotron-minitron', 'gemma3-text', 'phi3']
const scratch = mkdtempSync(join(tmpdir(), 'aerie-sentencepiece-'))
after(() => rmSync(scratch, { recursive: true }))

/** A checkpoint's tokenizer without its tokenizer.json. */
function modelOnly(name: string): string {
  const folder = join(scratch, name)
  for (const file of ['tokenizer.model', 'tokenizer_config.json'])
    cpSync(join(DECODERS, name, 'checkpoint', file), join(folder, file))
  return folder
}

describe('a SentencePiece tokenizer', () => {
  for (const name of NAMES) {
    it(`has the vocabulary and merges of tokenizer.json: ${name}`, () => {
      const folder = join(DECODERS, name, 'checkpoint')
      const want = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8'))
      const bytes = readFileSync(join(folder, 'tokenizer.model'))
      const { json } = convertSentencePiece(bytes, { bosToken: undefined, isLegacy: true })
      const { model } = json as { model: { vocab: Record<string, number>; merges: string[][] } }
      for (const [piece, id] of Object.entries(model.vocab))
        assert.equal(want.model.vocab[piece], id)
      assert.deepEqual(
        model.merges,
        want.model.merges.map((pair: string | string[]) =>
          typeof pair === 'string' ? pair.split(' ') : pair,
        ),
      )
    })

    it(`encodes any text as tokenizer.json does: ${name}`, async () => {
      const whole = await Tokenizer.load(join(DECODERS, name, 'checkpoint'))
      const { json } = convertSentencePiece(
        readFileSync(join(DECODERS, name, 'checkpoint/tokenizer.model')),
        { bosToken: undefined, isLegacy: true },
      )
      const converted = new Tokenizer(json, whole.config)
      const word = fc.constantFrom('the', ' red', 'car', '\n', '  ', 'é', '漢', '😀', '.', '1')
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(word).map((all) => all.join('')),
      )
      fc.assert(
        fc.property(text, (written) => {
          // Surrogates alone are no text.
          fc.pre(written.isWellFormed())
          assert.deepEqual([...converted.encode(written)], [...whole.encode(written)])
        }),
      )
    })
  }

  it('is read where there is no tokenizer.json', async () => {
    const tokenizer = await Tokenizer.load(modelOnly('mistral-swa'))
    const ids = tokenizer.encodeWhole('The quick brown fox')
    assert.equal(ids[0], 1)
    assert.equal(tokenizer.decode(ids), 'The quick brown fox')
  })

  it('puts its prefix where the hub does: behind special tokens only in legacy files', () => {
    const bytes = readFileSync(join(DECODERS, 'mistral-swa/checkpoint/tokenizer.model'))
    const encode = (text: string, isLegacy: boolean) => {
      const { json, prefix } = convertSentencePiece(bytes, { bosToken: undefined, isLegacy })
      return [...new Tokenizer(json, {}, prefix).encode(text)]
    }
    const [space, end] = [314, 2]
    const x = encode('x', false).at(-1)!
    assert.deepEqual(encode('x', false), encode('x', true))
    // SentencePiece puts one before a text that begins with a space, too.
    assert.deepEqual(encode(' x', false), [space, ...encode('x', false)])
    assert.deepEqual(encode('</s>x', false), [end, x])
    assert.deepEqual(encode('</s>x', true), [end, ...encode('x', true)])
  })

  it('that is damaged is refused, quickly and whatever the damage', () => {
    const bytes = readFileSync(join(DECODERS, 'mistral-swa/checkpoint/tokenizer.model'))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.nat(bytes.length),
        (changes, cut) => {
          const damaged = Buffer.from(bytes.subarray(0, cut))
          for (const [at, value] of changes) if (at < cut) damaged[at] = value
          try {
            convertSentencePiece(damaged, { bosToken: '<s>', isLegacy: false })
          } catch (error) {
            assert.ok(error instanceof AerieError, String(error))
            assert.equal(error.code, 'invalid_package')
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('of a kind that would be read wrongly is refused by the name of the option', () => {
    // normalizer_spec { remove_extra_whitespaces: true }, behind everything else: the last value counts.
    const bytes = readFileSync(join(DECODERS, 'mistral-swa/checkpoint/tokenizer.model'))
    const changed = Buffer.concat([bytes, Buffer.from([0x1a, 2, 0x20, 1])])
    assert.throws(() => convertSentencePiece(changed, { bosToken: '<s>', isLegacy: true }), {
      message: 'tokenizer.model: remove_extra_whitespaces is not supported',
    })
  })
})
