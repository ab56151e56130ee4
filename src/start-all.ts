/** Several parts that start at once, all of them or none. */

interface Disposes {
  dispose(): Promise<void>
}

/** Awaits all; when one fails, disposes of those that did start before passing the failure on. */
export async function startAll<T extends readonly unknown[]>(
  parts: readonly [...{ [I in keyof T]: T[I] | Promise<T[I]> }],
): Promise<T> {
  const results = await Promise.allSettled(parts)
  const failure = results.find(
    (result): result is PromiseRejectedResult => result.status === 'rejected',
  )
  if (!failure)
    return results.map((r) => (r as PromiseFulfilledResult<unknown>).value) as unknown as T
  await Promise.all(
    results.map((result) => {
      const value =
        result.status === 'fulfilled' ? (result.value as Partial<Disposes> | undefined) : undefined
      return value?.dispose?.()
    }),
  )
  throw failure.reason
}
