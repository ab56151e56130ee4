/** What stands in place of a tokenizer.json: SentencePiece's tokenizer.model, SigLIP's spiece.model, or vocab.json with merges.txt. */
import { AerieError } from '../errors.ts'
import { FILE_LIMITS, readBytes, readJson, readText } from '../model-folder.ts'
import { readAddedTokens } from './added-tokens.ts'
import type { ConvertedTokenizer } from './sentencepiece.ts'

/** Rejects with `invalid_package` when the folder has neither, or files that would be read wrongly. */
export async function convertTokenizerFiles(
  modelDir: string,
  config: Readonly<Record<string, unknown>>,
): Promise<ConvertedTokenizer> {
  const { config: small, vocabulary: limit } = FILE_LIMITS
  const added = readAddedTokens(config, await readJson(modelDir, 'added_tokens.json', small))
  const model = await readBytes(modelDir, 'tokenizer.model', limit)
  if (model !== undefined) {
    const { convertSentencePiece, sentencePieceOptions } = await import('./sentencepiece.ts')
    return convertSentencePiece(model, sentencePieceOptions(config), added)
  }
  const pieces = await readBytes(modelDir, 'spiece.model', limit)
  if (pieces !== undefined) {
    const { convertSpiece } = await import('./spiece.ts')
    return convertSpiece(pieces, config, added)
  }
  const vocab = await readJson(modelDir, 'vocab.json', limit)
  const merges = await readText(modelDir, 'merges.txt', limit)
  if (vocab === undefined || merges === undefined) {
    throw new AerieError(
      'invalid_package',
      'expected tokenizer.json, tokenizer.model, spiece.model, or vocab.json with merges.txt',
    )
  }
  const { convertBpeFiles } = await import('./bpe-files.ts')
  return { json: convertBpeFiles({ vocab, merges, added, config }), prefix: '' }
}
