/** vocab.json and merges.txt against the tokenizer.json that transformers made of them. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import fc from 'fast-check'
import { readAddedTokens } from '../../src/tokenizer/added-tokens.ts'
import { convertBpeFiles } from '../../src/tokenizer/bpe-files.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const DECODERS = resolve(import.meta.dirname, '../fixtures/decoders')
const scratch = mkdtempSync(join(tmpdir(), 'aerie-bpe-'))
after(() => rmSync(scratch, { recursive: true }))

/** A checkpoint's tokenizer without its tokenizer.json. */
function filesOnly(name: string): string {
  const folder = join(scratch, name)
  for (const file of ['vocab.json', 'merges.txt', 'tokenizer_config.json'])
    cpSync(join(DECODERS, name, 'checkpoint', file), join(folder, file))
  return folder
}

describe('a tokenizer of vocab.json and merges.txt', () => {
  for (const name of ['qwen2', 'qwen3']) {
    it(`encodes any text as tokenizer.json does: ${name}`, async () => {
      const whole = await Tokenizer.load(join(DECODERS, name, 'checkpoint'))
      const converted = await Tokenizer.load(filesOnly(name))
      const word = fc.constantFrom(
        ...['the', ' red', 'car', '\n', '  ', 'é', 'e\u0301', '漢', '😀', '.', '12', "'s"],
        ...whole.specialTokens,
      )
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(word).map((all) => all.join('')),
      )
      fc.assert(
        fc.property(text, (written) => {
          // Surrogates alone are no text.
          fc.pre(written.isWellFormed())
          assert.deepEqual([...converted.encodeWhole(written)], [...whole.encodeWhole(written)])
        }),
      )
      assert.deepEqual(converted.specialTokens, whole.specialTokens)
    })
  }

  it('takes added_tokens.json where tokenizer_config.json names none, special ones by name', async () => {
    const folder = filesOnly('qwen2')
    const path = join(folder, 'tokenizer_config.json')
    const { added_tokens_decoder: _, ...config } = JSON.parse(readFileSync(path, 'utf8'))
    writeFileSync(path, JSON.stringify({ ...config, additional_special_tokens: ['<box>'] }))
    const added = { '<|endoftext|>': 351, '<box>': 354, '<word>': 355 }
    writeFileSync(join(folder, 'added_tokens.json'), JSON.stringify(added))
    const tokenizer = await Tokenizer.load(folder)
    const ids = tokenizer.encode('<box>red<word>')
    assert.equal(ids.at(0), 354)
    assert.equal(ids.at(-1), 355)
    assert.equal(tokenizer.isSpecial(354), true)
    assert.equal(tokenizer.isSpecial(355), false)
    rmSync(join(folder, 'added_tokens.json'))
  })

  it('is refused where it would be read wrongly', () => {
    const good = { vocab: { a: 0, b: 1, ab: 2 }, merges: '#version: 0.2\na b\n', added: [] }
    const config = { tokenizer_class: 'Qwen2Tokenizer' }
    assert.doesNotThrow(() => convertBpeFiles({ ...good, config }))
    const refusals: [changes: object, message: RegExp][] = [
      [{ config: { tokenizer_class: 'BartTokenizer' } }, /tokenizer_class: .* got "BartTokenizer"/],
      [{ config: {} }, /tokenizer_class: expected/],
      [{ config: { tokenizer_class: 'GPT2Tokenizer', add_bos_token: true } }, /add_bos_token/],
      [{ vocab: { a: 'x' } }, /vocab\.json/],
      [{ vocab: [] }, /vocab\.json/],
      [{ merges: '#version: 0.2\na c\n' }, /merges\.txt, line 2/],
      [{ merges: 'a b c\n' }, /merges\.txt, line 1/],
    ]
    for (const [changes, message] of refusals) {
      assert.throws(() => convertBpeFiles({ ...good, config, ...changes }), {
        code: 'invalid_package',
        message,
      })
    }
  })

  it('refuses added tokens without an id of their own', () => {
    const decoder = (entries: object) =>
      readAddedTokens({ added_tokens_decoder: entries }, undefined)
    const refusals: [read: () => unknown, message: RegExp][] = [
      [() => decoder({ x: { content: 'a' } }), /"x" has no id/],
      [() => decoder({ 1: {} }), /no content for id 1/],
      [() => decoder({ 1: { content: 'a' }, '01': { content: 'b' } }), /id 1 is given twice/],
      [() => readAddedTokens({}, { '<a>': -1 }), /"<a>" has no id/],
      [() => readAddedTokens({}, { '<a>': 2 ** 40 }), /"<a>" has no id/],
      [() => readAddedTokens({}, []), /no object/],
    ]
    for (const [read, message] of refusals)
      assert.throws(read, { code: 'invalid_package', message })
  })
})
