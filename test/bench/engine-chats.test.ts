/** Chats of two servers are equally long by what the servers count. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Ask, questionBytes } from '../../src/bench/engine/chat-prompt.ts'
import { EngineFailure } from '../../src/bench/engine/engine-process.ts'

describe('chats of two servers', () => {
  const counts = (around: number, answered?: number): Ask => {
    return async (bytes, answerTokens) => ({
      promptTokens: around + bytes,
      answerTokens: answered ?? answerTokens,
      ms: 1,
    })
  }
  const chat = { promptTokens: 512, answerTokens: 64 }
  const refused = (ask: Ask, message: RegExp) =>
    assert.rejects(
      questionBytes('it', ask, chat),
      (error) => error instanceof EngineFailure && message.test(error.message),
    )

  it('are equally long, whatever the templates take', async () => {
    assert.equal(await questionBytes('ours', counts(257), chat), 255)
    assert.equal(await questionBytes('theirs', counts(430), chat), 82)
  })

  it('are refused where a server counts otherwise, answers less, or has no room', async () => {
    await refused(counts(257, 63), /63 of an answer, expected 512 and 64/)
    await refused(counts(510), /take 510 of 512 tokens, and leave none/)
    const uneven: Ask = async (bytes) => ({ promptTokens: 2 * bytes, answerTokens: 64, ms: 1 })
    await refused(uneven, /counts 960 tokens of a prompt/)
  })
})
