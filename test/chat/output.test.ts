import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChoiceOutput, type TextChunk } from '../../src/chat/output.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const dir = new URL('../fixtures/decoders/qwen2/checkpoint/', import.meta.url).pathname

describe('one answer on its way out', async () => {
  const tokenizer = await Tokenizer.load(dir)

  /** Feeds the tokens of a text, with log probabilities, and gathers the chunks. */
  function send(text: string, stops: readonly string[] = []): TextChunk[] {
    const output = new ChoiceOutput(tokenizer, stops)
    const chunks: (TextChunk | undefined)[] = []
    for (const id of tokenizer.encode(text)) {
      if (output.stopped) break
      chunks.push(
        output.push({ type: 'token', choice: 0, id, logprob: -id, top: [{ id, logprob: -id }] }),
      )
    }
    chunks.push(output.flush())
    return chunks.filter((chunk) => chunk !== undefined)
  }

  it('adds up to the text', () => {
    const text = 'naïve 你好 😀 end'
    const sent = send(text).map((chunk) => chunk.text)
    assert.equal(sent.join(''), text)
  })

  it('sends every token its log probability exactly once, in order, bytes included', () => {
    const text = 'a 你😀 z'
    const logprobs = send(text, ['zzz']).flatMap((chunk) => chunk.logprobs ?? [])
    const ids = [...tokenizer.encode(text)]
    assert.deepEqual(
      logprobs.map((entry) => -entry.logprob),
      ids,
    )
    const bytes = logprobs.flatMap((entry) => [...entry.bytes!])
    assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), text)
  })

  it('holds text and log probabilities back together while a stop string may be beginning', () => {
    const chunks = send('abc', ['abcd'])
    assert.deepEqual(
      chunks.map((chunk) => chunk.text),
      ['abc'],
    )
    assert.equal(chunks[0]!.logprobs!.length, tokenizer.encode('abc').length)
  })

  it('ends at a stop string and says so', () => {
    const chunks = send('one two three', [' two'])
    assert.equal(chunks.map((chunk) => chunk.text).join(''), 'one')
    assert.equal(chunks.at(-1)!.stopped, true)
  })

  it('sends no log probability of a token behind a stop string, and that of a token that it cuts in two', () => {
    const text = 'one two three'
    for (const stop of [' two three', 'wo three', 'e t', 'ee', 'one two']) {
      const chunks = send(text, [stop])
      const answer = chunks.map((chunk) => chunk.text).join('')
      assert.equal(answer, text.slice(0, text.indexOf(stop)))
      const tokens = chunks.flatMap((chunk) => chunk.logprobs ?? []).map(({ token }) => token)
      assert.ok(tokens.join('').startsWith(answer), stop)
      // Without the last one something of the answer would be missing.
      assert.ok(tokens.slice(0, -1).join('').length < Math.max(answer.length, 1), stop)
      assert.equal(tokens.length === 0, answer === '', stop)
    }
  })

  it('is stopped by what only the end makes of an unfinished character', () => {
    const output = new ChoiceOutput(tokenizer, ['\ufffd'])
    const [first] = tokenizer.encode('𓀀')
    output.push({ type: 'token', choice: 0, id: first! })
    assert.equal(output.flush()?.text ?? '', '')
    assert.equal(output.stopped, true)
  })
})
