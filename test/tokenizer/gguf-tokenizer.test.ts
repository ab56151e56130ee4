/** Tokenizers out of GGUF metadata: what files say, what they leave unsaid, and what is refused by its key. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ggufTokenizer } from '../../src/tokenizer/gguf-tokenizer.ts'
import { PRE_TOKENIZERS } from '../../src/tokenizer/pre-tokenizers.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { GgufMetadata } from '../../src/weights/gguf-metadata.ts'
import { ggufBytes, type MetadataValue } from '../support/gguf-file.ts'

type Keys = Readonly<Record<string, MetadataValue | undefined>>

const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE] = [1, 2, 3, 4, 6]

function read(keys: Keys) {
  const metadata = Object.fromEntries(
    Object.entries(keys).flatMap(([key, value]) =>
      value === undefined ? [] : [[`tokenizer.${key}`, value]],
    ),
  )
  const bytes = ggufBytes({ metadata: metadata as Record<string, MetadataValue>, tensors: {} })
  return ggufTokenizer(new GgufMetadata(parseGgufHeader(bytes, bytes.length).metadata))
}

function load(keys: Keys): Tokenizer {
  const { json, config, endIds } = read(keys)
  return new Tokenizer(json, config, '', endIds)
}

/** GPT-2's stand-ins for bytes are themselves for these. */
const WORDS = ['<s>', '<|im_end|>', 'Ġ', 'Ċ', ..."abcdefgh0123456789.'sS", 'ab', 'Ġab', '12', '123']
const byteLevel: Keys = {
  'ggml.model': ['string', 'gpt2'],
  'ggml.pre': ['string', 'gpt-2'],
  'ggml.tokens': ['string', WORDS],
  'ggml.token_type': ['i32', WORDS.map((_, id) => (id < 2 ? CONTROL : NORMAL))],
  'ggml.merges': ['string', ['a b', 'Ġ ab', '1 2', '12 3']],
  'ggml.bos_token_id': ['u32', 0],
  'ggml.eos_token_id': ['u32', 0],
}

const PIECES = ['<unk>', '<s>', '</s>', '<|end|>', '<0x0A>', '▁', 'a', 'b', '▁a', 'ab']
const sentencePiece: Keys = {
  'ggml.model': ['string', 'llama'],
  'ggml.tokens': ['string', PIECES],
  'ggml.scores': ['f32', [0, 0, 0, -1000, 0, -3, -4, -5, -1, -2]],
  'ggml.token_type': [
    'i32',
    [UNKNOWN, CONTROL, CONTROL, CONTROL, BYTE, NORMAL, NORMAL, NORMAL, NORMAL, NORMAL],
  ],
}

const tokensOf = (ids: Int32Array, words = WORDS) => [...ids].map((id) => words[id])

describe('a byte-level tokenizer of a GGUF file', () => {
  it('merges within the words of its pre-tokenizer', () => {
    const split = (pre: string, text: string) => {
      const tokenizer = load({ ...byteLevel, 'ggml.pre': ['string', pre] })
      return tokensOf(tokenizer.encode(text))
    }
    assert.deepEqual(split('gpt-2', ' ab 123'), ['Ġab', 'Ġ', '123'])
    assert.deepEqual(split('smollm', 'ab123'), ['ab', '1', '2', '3'])
    assert.deepEqual(split('llama-bpe', 'ab1234'), ['ab', '123', '4'])
    assert.deepEqual(split('qwen2', 'ab123'), ['ab', '1', '2', '3'])
    assert.deepEqual(split('tekken', 'ab12'), ['ab', '1', '2'])
    // Whatever the name, nothing is lost.
    for (const pre of Object.keys(PRE_TOKENIZERS)) {
      const tokenizer = load({ ...byteLevel, 'ggml.pre': ['string', pre] })
      const text = "ab  123.ab'S\n\n 5"
      assert.equal(tokenizer.decode(tokenizer.encode(text)), text, pre)
    }
  })

  it('takes a whole word for a token before it merges, where the published one does', () => {
    const words = [...WORDS, 'fgh']
    const of = (pre: string) =>
      load({
        ...byteLevel,
        'ggml.pre': ['string', pre],
        'ggml.tokens': ['string', words],
        'ggml.token_type': ['i32', words.map((_, id) => (id < 2 ? CONTROL : NORMAL))],
      })
    assert.deepEqual(tokensOf(of('llama-bpe').encode('fgh'), words), ['fgh'])
    assert.deepEqual(tokensOf(of('dbrx').encode('fgh'), words), ['f', 'g', 'h'])
  })

  it('begins a text as the file says, or as is usual for its kind', () => {
    const begins = (keys: Keys) => load({ ...byteLevel, ...keys }).encodeWhole('a')[0] === 0
    assert.equal(begins({}), false)
    assert.equal(begins({ 'ggml.pre': ['string', 'llama-bpe'] }), true)
    assert.equal(begins({ 'ggml.add_bos_token': ['bool', true] }), true)
    const no: Keys = { 'ggml.add_bos_token': ['bool', false] }
    assert.equal(begins({ 'ggml.pre': ['string', 'llama-bpe'], ...no }), false)
  })

  it('finds control tokens in a text, and tokens of its maker', () => {
    const types = WORDS.map((word, id) =>
      id < 2 ? CONTROL : word === '12' ? USER_DEFINED : NORMAL,
    )
    const tokenizer = load({ ...byteLevel, 'ggml.token_type': ['i32', types] })
    const ids = tokenizer.encode('a<|im_end|>123')
    assert.deepEqual(tokensOf(ids), ['a', '<|im_end|>', '12', '3'])
    assert.equal(tokenizer.isSpecial(1), true)
    assert.equal(tokenizer.isSpecial(WORDS.indexOf('12')), false)
  })

  it('ends answers with what the file names, and with ends of turns that it marks as control', () => {
    assert.deepEqual(read(byteLevel).endIds, [0, 1])
    const types = WORDS.map(() => NORMAL)
    const plain = { ...byteLevel, 'ggml.token_type': ['i32', types] } as const
    assert.deepEqual(read(plain).endIds, [0])
    assert.deepEqual(read({ ...plain, 'ggml.eot_token_id': ['u32', 5] }).endIds, [0, 5])
  })

  it('gives its template and the names of its special tokens to the chat', () => {
    const { config } = read({ ...byteLevel, chat_template: ['string', '{{ bos_token }}'] })
    assert.deepEqual(config, {
      bos_token: '<s>',
      eos_token: '<s>',
      chat_template: '{{ bos_token }}',
    })
  })
})

describe('a SentencePiece tokenizer of a GGUF file', () => {
  it('joins what scores best, with a space before the text and behind special tokens', () => {
    const tokenizer = load(sentencePiece)
    const split = (text: string) => tokensOf(tokenizer.encode(text), PIECES)
    assert.deepEqual(split('ab'), ['▁a', 'b'])
    assert.deepEqual(split('\n'), ['▁', '<0x0A>'])
    assert.deepEqual(split('<s>ab</s>a'), ['<s>', '▁a', 'b', '</s>', '▁a'])
    assert.deepEqual(tokenizer.encodeWhole('a')[0], 1)
    const bare = load({ ...sentencePiece, 'ggml.add_space_prefix': ['bool', false] })
    assert.deepEqual(tokensOf(bare.encode('ab'), PIECES), ['ab'])
    assert.deepEqual(read(sentencePiece).endIds, [2, 3])
  })

  it('of Phi-3 takes white space behind its special tokens', () => {
    const bytes = ggufBytes({
      metadata: {
        ...(Object.fromEntries(
          Object.entries(sentencePiece).map(([key, value]) => [`tokenizer.${key}`, value]),
        ) as Record<string, MetadataValue>),
        'general.name': ['string', 'Phi 3 Mini'],
      },
      tensors: {},
    })
    const named = (name: string) => {
      const text = Buffer.from(bytes)
      text.write(name, text.indexOf('Phi 3 Mini'))
      const { metadata } = parseGgufHeader(text, text.length)
      const { json, config } = ggufTokenizer(new GgufMetadata(metadata))
      const tokenizer = new Tokenizer(json, config)
      return tokensOf(tokenizer.encode('<|end|>\na'), PIECES)
    }
    assert.deepEqual(named('Phi-3 Mini'), ['<|end|>', '▁a'])
    assert.deepEqual(named('Fee-3 Mini'), ['<|end|>', '▁', '<0x0A>', 'a'])
  })
})

describe('a tokenizer that would be read wrongly', () => {
  it('is refused by its key', () => {
    const refusals: [Keys, RegExp][] = [
      [
        { 'ggml.model': ['string', 't5'] },
        /^tokenizer.ggml.model: expected "gpt2" or "llama", got/,
      ],
      [{ 'ggml.model': undefined }, /^tokenizer.ggml.model: .*got nothing/],
      [{ 'ggml.pre': ['string', 'gpt-9'] }, /^tokenizer.ggml.pre: expected default, .*"gpt-9"$/],
      [{ 'ggml.pre': ['string', 'constructor'] }, /^tokenizer.ggml.pre: expected default/],
      [{ 'ggml.tokens': undefined }, /^tokenizer.ggml.tokens: expected a list of strings/],
      [{ 'ggml.tokens': ['string', []] }, /^tokenizer.ggml.tokens: expected 1 to/],
      [{ 'ggml.tokens': ['string', ['a', 'a']], 'ggml.token_type': undefined }, /"a" occurs twice/],
      [{ 'ggml.token_type': ['i32', [1]] }, /^tokenizer.ggml.token_type: expected \d+ numbers/],
      [{ 'ggml.merges': ['string', ['a c']] }, /^tokenizer.ggml.merges\[0\]: "a c" is not two/],
      [{ 'ggml.merges': ['string', ['ab']] }, /^tokenizer.ggml.merges\[0\]: "ab" is not two/],
      [{ 'ggml.merges': undefined }, /^tokenizer.ggml.merges: expected a list of strings/],
      [
        { 'ggml.eos_token_id': ['u32', 99] },
        /^tokenizer.ggml.eos_token_id: expected the id of one/,
      ],
      [{ 'ggml.add_eos_token': ['bool', true] }, /^tokenizer.ggml.add_eos_token: expected false/],
      [{ 'ggml.add_space_prefix': ['bool', true] }, /^tokenizer.ggml.add_space_prefix: expected/],
      [{ ...sentencePiece, 'ggml.scores': ['f32', [1]] }, /^tokenizer.ggml.scores: expected 10/],
    ]
    for (const [keys, message] of refusals)
      assert.throws(() => read({ ...byteLevel, ...keys }), { code: 'invalid_package', message })
  })
})
