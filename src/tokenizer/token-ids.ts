/** Bounds on the ids of a vocabulary. They are places in tables: one id of 2³¹ costs as much as two billion tokens. */
import { AerieError } from '../errors.ts'
import { isJsonObject } from '../model-folder.ts'

/** Sixteen times the largest published vocabulary. */
const MOST_IDS = 2 ** 22

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MOST_IDS
}

/** Throws `invalid_package` when a token of the contents of a tokenizer.json has an id that cannot be one. */
export function checkTokenIds(json: Readonly<Record<string, unknown>>): void {
  const { model, added_tokens: added } = json
  const vocab = isJsonObject(model) ? model['vocab'] : undefined
  if (isJsonObject(vocab)) {
    for (const text in vocab) if (!isTokenId(vocab[text])) throw invalid('model.vocab', text)
  }
  if (!Array.isArray(added)) return
  for (const token of added) {
    if (!isJsonObject(token) || typeof token['content'] !== 'string' || !isTokenId(token['id']))
      throw invalid('added_tokens', isJsonObject(token) ? token['content'] : token)
  }
}

function invalid(where: string, token: unknown): AerieError {
  const shown = (JSON.stringify(token) ?? 'nothing').slice(0, 80)
  return new AerieError(
    'invalid_package',
    `${where}: ${shown} has no id that can be used, expected an integer from 0 to ${MOST_IDS - 1}`,
  )
}
