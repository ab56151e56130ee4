/** What an object store and the way to it say, in the server's own codes. Messages name no host, bucket or key: the log has the cause. */
import { AerieError } from '../errors.ts'

const REFUSED = 'the object store refuses the credentials of this server'
const NO_CREDENTIALS = 'this server has no credentials for the object store'
const SILENT = 'the object store does not answer in time'

/** Names of errors as S3 and the SDK give them, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['NoSuchBucket', 'the bucket that objectStore names is not there'],
  ['AccessDenied', 'the object store does not let this server do that (AccessDenied)'],
  ['InvalidAccessKeyId', REFUSED],
  ['SignatureDoesNotMatch', REFUSED],
  ['ExpiredToken', REFUSED],
  ['InvalidToken', REFUSED],
  ['CredentialsProviderError', NO_CREDENTIALS],
  ['PermanentRedirect', 'the bucket is in another region (objectStoreRegion)'],
  ['NoSuchKey', 'the bytes of a file are not in the bucket'],
  ['RequestTimeTooSkewed', "this server's clock differs from the object store's"],
  ['SlowDown', 'the object store asks for fewer requests'],
  ['TimeoutError', SILENT],
  ['RequestTimeout', SILENT],
])

/** Quotas of S3-compatible servers; Amazon's own has none. */
const FULL = new Set(['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage'])

/** What the SDK throws as what clients are told; what is translated already, as it is. */
export function objectStoreError(error: unknown): unknown {
  if (error instanceof AerieError || !(error instanceof Error)) return error
  if (FULL.has(error.name)) {
    const what = 'files: the object store is full; delete files'
    return new AerieError('insufficient_storage', what, { cause: error })
  }
  return new AerieError('storage_failure', `files: ${reasonOf(error)}`, { cause: error })
}

/** Awaits work of the SDK and translates its failure. */
export async function onObjectStore<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw objectStoreError(error)
  }
}

/** A HEAD that finds nothing has no body that could say more. */
export function isNotThere(error: unknown): boolean {
  return error instanceof Error && (error.name === 'NotFound' || error.name === 'NoSuchKey')
}

function reasonOf(error: Error): string {
  const known = REASONS.get(error.name)
  if (known !== undefined) return known
  const { code, $metadata } = error as { code?: string; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode
  if (status === 403) return REFUSED
  if (code !== undefined && /^E[A-Z]+$/.test(code)) {
    return code === 'ETIMEDOUT' ? SILENT : `the object store cannot be reached (${code})`
  }
  return status === undefined
    ? `the object store could not be asked (${error.name})`
    : `the object store answers ${status} (${error.name})`
}
