/** What each token adds to a text, as grammars need it. */
import { collectVocabulary, type Vocabulary } from '../grammar/vocabulary.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Of as many ids as there are logits. Special tokens add nothing to a text, so no grammar can ask for them. */
export async function vocabularyOf(tokenizer: Tokenizer, size: number): Promise<Vocabulary> {
  const nothing = new Uint8Array(0)
  return await collectVocabulary(
    size,
    (id) => (tokenizer.isSpecial(id) ? nothing : tokenizer.bytesOf(id)),
    tokenizer.stripsLeadingSpace,
  )
}
