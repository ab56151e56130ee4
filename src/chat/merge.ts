/** Several streams of events as one: whatever comes first goes out first. */

type Arrival<T> =
  | { readonly from: number; readonly result: IteratorResult<T> }
  | { readonly from: number; readonly error: unknown }

/**
 * The events of all sources, each with the number of its source, until every one has ended. A source is asked for its next event when the one before
 * has been taken. The first failure is thrown. Then, and where the reader leaves early, `leave` is to end what the sources wait for, as an
 * iterator that waits hears of nothing else.
 */
export async function* merge<T>(
  sources: readonly AsyncIterator<T>[],
  leave: () => void,
): AsyncGenerator<readonly [from: number, event: T]> {
  const arrived: Arrival<T>[] = []
  let wake = () => {}
  const arrive = (arrival: Arrival<T>) => {
    arrived.push(arrival)
    wake()
  }
  const ask = (from: number) =>
    sources[from]!.next().then(
      (result) => arrive({ from, result }),
      (error) => arrive({ from, error }),
    )
  let open = sources.length
  try {
    sources.forEach((_, from) => void ask(from))
    while (open > 0) {
      const arrival = arrived.shift()
      if (!arrival) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      if ('error' in arrival) throw arrival.error
      if (arrival.result.done) {
        open--
        continue
      }
      yield [arrival.from, arrival.result.value]
      void ask(arrival.from)
    }
  } finally {
    leave()
    await Promise.allSettled(sources.map((source) => source.return?.()))
  }
}
