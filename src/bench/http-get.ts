/** Small questions to the server that is measured, outside the measurement. */
import { CommandFailure } from '../cli/command.ts'

/** The body of a 200. Rejects with CommandFailure for all else, naming the address and the reason. */
export async function get(url: string, apiKey: string | undefined): Promise<string> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const response = await fetch(url, { headers }).catch((error: Error) => {
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new CommandFailure(`cannot reach ${url}: ${reason}`)
  })
  const body = await response.text()
  if (!response.ok)
    throw new CommandFailure(`${url} answered ${response.status}: ${body.slice(0, 200)}`)
  return body
}
