/** XGrammar over a vocabulary of ours, as its benchmark and the test that has it judge both take it. */
import { createRequire } from 'node:module'
import { tokenBytes, type Vocabulary, vocabularySize } from '../../src/grammar/vocabulary.ts'

type XGrammar = typeof import('@mlc-ai/web-xgrammar')

export interface XGrammarCompiler {
  readonly xgrammar: XGrammar
  readonly compiler: Awaited<ReturnType<XGrammar['GrammarCompiler']['createGrammarCompiler']>>
  dispose(): void
}

/** The end of a text is a token like others, and the last: its id is the size of the vocabulary. */
export async function xgrammarCompiler(vocabulary: Vocabulary): Promise<XGrammarCompiler> {
  // The package is a script that looks for CommonJS around it.
  const require = createRequire(import.meta.url)
  const file = require.resolve('@mlc-ai/web-xgrammar')
  Object.assign(globalThis, { require, __filename: file })
  await import(file)
  const { xgrammar } = globalThis as unknown as { xgrammar: XGrammar }
  const size = vocabularySize(vocabulary)
  const tokens = Array.from({ length: size }, (_, id) =>
    Uint8Array.from(tokenBytes(vocabulary, id)),
  )
  tokens.push(new TextEncoder().encode('</s>'))
  const info = await xgrammar.TokenizerInfo.createTokenizerInfo(
    // It takes bytes as well, and its types say only texts.
    tokens as unknown as string[],
    'raw',
    false,
    size + 1,
    [size],
  )
  const compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info, false)
  return {
    xgrammar,
    compiler,
    dispose() {
      compiler.dispose()
      info.dispose()
    },
  }
}
