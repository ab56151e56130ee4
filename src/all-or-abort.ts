/** Several tasks of one request, of which none outlives the failure of another. */

/** Runs one task an item; the first failure aborts the others and is the one that is thrown. */
export async function allOrAbort<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  run: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const abort = new AbortController()
  const linked = AbortSignal.any([signal, abort.signal])
  try {
    return await Promise.all(items.map((item) => run(item, linked)))
  } catch (error) {
    abort.abort()
    throw error
  }
}
