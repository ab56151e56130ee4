/** Batches as the server has them: fetched again while one of them goes on and somebody looks. */
import { createBatch, hasEnded, listBatches } from '../api/batches.js'
import { ApiError, failureOf } from '../api/client.js'
import { upload } from '../api/files.js'
import { Store } from '../store.js'

/** @typedef {import('../types.d.ts').Batch} Batch */
/** @typedef {import('../types.d.ts').Failure} Failure */

/** @typedef {{ readonly list: readonly Batch[], readonly hasMore: boolean, readonly isRead: boolean, readonly failure: Failure | undefined }} Batches */

/** @type {Store<Batches>} */
export const batches = new Store(
  /** @type {Batches} */ ({ list: [], hasMore: false, isRead: false, failure: undefined }),
)

const OFTEN_MS = 1000
const SELDOM_MS = 15_000

/**
 * Keeps the newest up to date until it is stopped.
 * @returns {() => void}
 */
export function watchBatches() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer
  let isOver = false
  const lookLater = () => {
    clearTimeout(timer)
    const isActive = batches.get().list.some((batch) => !hasEnded(batch))
    if (!isOver) timer = setTimeout(look, isActive ? OFTEN_MS : SELDOM_MS)
  }
  const look = async () => {
    if (document.visibilityState === 'visible') await refresh()
    lookLater()
  }
  // One that was just made is looked after at once, and not when the long wait that began before it is over.
  const unwatch = batches.watch(lookLater)
  void look()
  return () => {
    isOver = true
    unwatch()
    clearTimeout(timer)
  }
}

export async function refresh() {
  try {
    const { data, has_more } = await listBatches()
    const known = new Set(data.map(({ id }) => id))
    const older = batches.get().list.filter(({ id }) => !known.has(id))
    // What was fetched of older pages stays; what was never there has no place behind them.
    const list = has_more ? [...data, ...older] : data
    batches.set({
      list,
      hasMore: older.length > 0 ? batches.get().hasMore : has_more,
      isRead: true,
      failure: undefined,
    })
  } catch (error) {
    batches.set({ ...batches.get(), isRead: true, failure: failureOf(error) })
  }
}

export async function readMore() {
  const { list } = batches.get()
  try {
    const { data, has_more } = await listBatches(list.at(-1)?.id)
    batches.set({ ...batches.get(), list: [...list, ...data], hasMore: has_more })
  } catch (error) {
    batches.set({ ...batches.get(), failure: failureOf(error) })
  }
}

/**
 * Uploads the lines and makes a batch of them. Rejects with ApiError.
 * @param {File} file
 * @param {(share: number) => void} tell how much of it has been uploaded, 0 … 1
 */
export async function startBatch(file, tell) {
  const endpoint = await endpointOf(file)
  const { id } = await upload(file, file.name, 'batch', tell)
  await createBatch(id, endpoint)
  await refresh()
}

/** Of the first line; media in it may make it long. */
const HEAD_BYTES = 32 * 1024 * 1024

/**
 * Which route the file's requests are for, as its first line says.
 * @param {File} file
 * @returns {Promise<string>}
 */
export async function endpointOf(file) {
  const head = await file.slice(0, HEAD_BYTES).text()
  const [line = ''] = head.trimStart().split('\n', 1)
  const wrong = (/** @type {string} */ message) =>
    new ApiError({
      code: 'invalid_request',
      message,
      param: 'line 1',
      requestId: undefined,
      status: undefined,
    })
  /** @type {unknown} */
  let request
  try {
    request = JSON.parse(line)
  } catch {
    throw wrong(`The first line of ${file.name} is not JSON. Each line has to be one request.`)
  }
  const url = request && typeof request === 'object' && 'url' in request ? request.url : undefined
  if (typeof url !== 'string') {
    throw wrong(`The first line of ${file.name} has no url, such as "/v1/chat/completions".`)
  }
  return url
}
