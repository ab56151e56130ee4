/** What each token adds to a text, as grammars need it. */
import { collectVocabulary, type Vocabulary } from '../grammar/vocabulary.ts'
import type { TokenTable } from './token-table.ts'

/**
 * Of as many ids as there are logits. Special tokens add nothing to a text, so no grammar can ask for them, but for those that are
 * `shown` by their names.
 */
export async function vocabularyOf(
  tokenizer: TokenTable,
  size: number,
  shown: ReadonlySet<number> = new Set(),
): Promise<Vocabulary> {
  const nothing = new Uint8Array(0)
  const special = [...shown]
    .filter((id) => tokenizer.isSpecial(id))
    .map((id) => ({ id, text: new TextDecoder().decode(tokenizer.bytesOf(id)) }))
  return await collectVocabulary(
    size,
    (id) => (tokenizer.isSpecial(id) ? nothing : tokenizer.bytesOf(id)),
    tokenizer.stripsLeadingSpace,
    special,
  )
}
