/** Entry of a grammar thread: constraints → automata, positions → masks. One job after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { fieldOf } from '../engine/constraint.ts'
import { toWireError } from '../errors.ts'
import { buildAutomaton } from './build-automaton.ts'
import { classTokens } from './class-tokens.ts'
import type { FromGrammar, GrammarJob, GrammarWorkerData, ToGrammar } from './grammar-messages.ts'
import { lower } from './lower.ts'
import { computeMask } from './masks.ts'
import { Matcher } from './matcher.ts'
import { buildTree, longestToken, type TokenTree, vocabularySize } from './vocabulary.ts'

/** Matchers that are kept between masks. */
const MOST_MATCHERS = 16

const { vocabulary } = workerData as GrammarWorkerData
const port = parentPort!
const matchers = new Map<number, Matcher>()
let tree: TokenTree | undefined

port.on('message', ({ id, ...job }: ToGrammar) => {
  let answer: FromGrammar
  try {
    answer = { id, result: run(job as GrammarJob) }
  } catch (error) {
    answer = { id, error: toWireError(error) }
  }
  // Of all that is sent only masks are not shared.
  const mask = 'result' in answer && ArrayBuffer.isView(answer.result) ? [answer.result.buffer] : []
  port.postMessage(answer, mask as ArrayBuffer[])
})

port.postMessage('up')

function run(job: GrammarJob) {
  switch (job.type) {
    case 'compile': {
      const grammar = lower(job.constraint, vocabulary)
      return buildAutomaton(grammar, fieldOf(job.constraint), longestToken(vocabulary))
    }
    case 'tree':
      tree ??= buildTree(vocabulary)
      return tree
    case 'class':
      return classTokens(vocabulary, job.ranges)
    case 'mask': {
      tree ??= buildTree(vocabulary)
      const matcher = matchers.get(job.grammar) ?? new Matcher(job.automaton)
      matchers.delete(job.grammar)
      matchers.set(job.grammar, matcher)
      for (const oldest of matchers.keys()) {
        if (matchers.size <= MOST_MATCHERS) break
        matchers.delete(oldest)
      }
      const source = { tree, size: vocabularySize(vocabulary) }
      return computeMask(matcher, matcher.fromPath(job.path), source)!
    }
  }
}
